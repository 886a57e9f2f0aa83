"""Preprocessing: from an upright sRGB photo to the network's input tensor, with the Geometry
between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.geometry import Geometry

Interpolation = Literal["bilinear", "bicubic", "nearest", "box", "hamming", "lanczos"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
Channels = Literal["rgb", "bgr"]
Fit = Literal["crop", "squash"]

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The preprocessing that a network expects.

    resize_px: short side after resizing. crop_px: (height, width) of the network's input, a centre
    crop. fit: "crop" as described, or "squash": resized to crop_px regardless of aspect ratio.
    channels: 3, or 1 for grey. mean, std: per channel in the network's order, for values in 0…1.
    order: of three channels. stretch_px: (height, width) to which a photo is resized, regardless of
    aspect ratio, before the centre crop; None to keep the aspect ratio. centre_down: round a
    half-pixel margin down at the top and left, as transformers does; otherwise to even, as
    torchvision and timm do.
    """

    resize_px: int
    crop_px: tuple[int, int]
    interpolation: Interpolation
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3
    fit: Fit = "crop"
    order: Channels = "rgb"
    stretch_px: tuple[int, int] | None = None
    centre_down: bool = False

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Preprocessing:
        """From the `preprocessing` entry of a model card."""
        height, width = card["crop_px"]
        return cls(
            resize_px=card["resize_px"],
            crop_px=(height, width),
            interpolation=card["interpolation"],
            mean=tuple(card["mean"]),
            std=tuple(card["std"]),
            channels=card.get("channels", 3),
            fit=card.get("fit", "crop"),
        )

    @classmethod
    def from_timm(cls, config: Mapping[str, Any]) -> Preprocessing:
        """From timm's `pretrained_cfg`, as timm's evaluation transform interprets it."""
        channels, height, width = config["input_size"]
        resize_px = math.floor(min(height, width) / (config.get("crop_pct") or 0.875))
        interpolation = config.get("interpolation") or "bicubic"
        return cls(
            resize_px=resize_px,
            crop_px=(height, width),
            interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            channels=channels,
            fit="squash" if config.get("crop_mode") == "squash" else "crop",
        )

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of a photo of this size after resizing; never smaller than the crop."""
        crop_height, crop_width = self.crop_px
        if self.fit == "squash":
            return crop_width, crop_height
        if self.stretch_px is not None:
            return max(self.stretch_px[1], crop_width), max(self.stretch_px[0], crop_height)
        short = min(width, height)
        scaled = (self.resize_px * width // short, self.resize_px * height // short)
        return max(scaled[0], crop_width), max(scaled[1], crop_height)


def locate(width: int, height: int, preprocessing: Preprocessing, orientation: int = 1) -> Geometry:
    """The Geometry of an upright photo of `width` by `height` pixels."""
    crop_height, crop_width = preprocessing.crop_px
    resized_width, resized_height = preprocessing.resized(width, height)
    rounded = math.floor if preprocessing.centre_down else round
    left = rounded((resized_width - crop_width) / 2)
    top = rounded((resized_height - crop_height) / 2)
    return Geometry(
        image_width=width,
        image_height=height,
        input_width=crop_width,
        input_height=crop_height,
        image_to_input=(
            (resized_width / width, 0.0, -float(left)),
            (0.0, resized_height / height, -float(top)),
        ),
        orientation=orientation,
    )


def resize(photo: Tensor, height: int, width: int, interpolation: Interpolation) -> Tensor:
    """Resizes a uint8 photo (3, row, column), with antialiasing except for `nearest`."""
    if interpolation in ("bilinear", "bicubic"):
        sized: Tensor = F.interpolate(
            photo[None], size=(height, width), mode=interpolation, antialias=True
        )
        return sized[0]
    rows = _weights(photo.shape[1], height, interpolation).to(photo.device)
    columns = _weights(photo.shape[2], width, interpolation).to(photo.device)
    wide = (photo.float() @ columns.T + 0.5).floor().clamp(0, 255)
    return (rows @ wide + 0.5).floor().clamp(0, 255).to(torch.uint8)


_KERNELS: dict[str, tuple[float, Callable[[Tensor], Tensor]]] = {
    "box": (0.5, lambda x: ((x > -0.5) & (x <= 0.5)).double()),
    "hamming": (1.0, lambda x: x.sinc() * (0.54 + 0.46 * (torch.pi * x).cos())),
    "lanczos": (3.0, lambda x: x.sinc() * (x / 3).sinc()),
}
"""Half-width of a kernel, and the kernel as a function of distance in pixels."""


def _weights(given: int, wanted: int, interpolation: Interpolation) -> Tensor:
    """(output, input): the weight of each input pixel in each output pixel along one axis."""
    scale = given / wanted
    centres = (torch.arange(wanted, dtype=torch.float64)[:, None] + 0.5) * scale
    if interpolation == "nearest":
        return F.one_hot(centres[:, 0].long().clamp(max=given - 1), given).float()
    support, kernel = _KERNELS[interpolation]
    wider = max(scale, 1.0)
    pixels = torch.arange(given, dtype=torch.float64)
    # Computed in Pillow's order, so that pixels at a kernel's edge round the same way.
    distances = (pixels - centres + 0.5) * (1 / wider)
    first = (centres - support * wider + 0.5).clamp(min=0).floor()
    behind = (centres + support * wider + 0.5).clamp(max=given).floor()
    weights = kernel(distances).where((pixels >= first) & (pixels < behind), 0.0)
    return (weights / weights.sum(1, keepdim=True)).float()


def cut(photo: Tensor, preprocessing: Preprocessing) -> tuple[Tensor, Geometry]:
    """The network's view of a photo, uint8 (3, height, width), and its place on the photo.

    photo: uint8 (3, height, width), upright sRGB. It is resized with antialiasing, as in Pillow and
    in training, on bytes: a large photo is never held as floats. Training and serving both use this
    function, so a card's score is for the served preprocessing.
    """
    if photo.dtype != torch.uint8 or photo.ndim != 3 or photo.shape[0] != 3:
        raise ValueError(
            f"a photo is uint8 (3, height, width), not {photo.dtype} {tuple(photo.shape)}"
        )
    _, height, width = photo.shape
    geometry = locate(width, height, preprocessing)
    resized_width, resized_height = preprocessing.resized(width, height)
    resized = resize(photo, resized_height, resized_width, preprocessing.interpolation)
    left, top = (-round(row[2]) for row in geometry.image_to_input)
    crop = resized[:, top : top + geometry.input_height, left : left + geometry.input_width]
    return crop, geometry


def prepare(photo: Tensor, preprocessing: Preprocessing) -> tuple[Tensor, Geometry]:
    """The network's input (1, channels, height, width), float32, and its place on the photo.

    photo: uint8 (3, height, width), upright sRGB; see `cut` for the resizing.
    """
    crop, geometry = cut(photo, preprocessing)
    pixels = crop[None].to(torch.float32) / 255
    if preprocessing.channels == 1:
        pixels = (pixels * pixels.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    if preprocessing.order == "bgr":
        pixels = pixels.flip(1)
    mean = pixels.new_tensor(preprocessing.mean)[:, None, None]
    std = pixels.new_tensor(preprocessing.std)[:, None, None]
    return ((pixels - mean) / std).contiguous(), geometry


def blank(preprocessing: Preprocessing | None) -> Tensor | None:
    """A preprocessed photo of zeros; None for a network that takes none."""
    if preprocessing is None:
        return None
    return torch.zeros(1, preprocessing.channels, *preprocessing.crop_px)
