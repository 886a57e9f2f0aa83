"""What replaces hidden cells. Pictures are (channel, row, column), with values as in a photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Fill = Literal["mean", "blur", "grey", "noise"]
FILLS: tuple[str, ...] = get_args(Fill)

BLUR_SHARE = 1 / 20
"""Standard deviation of the blur, as a fraction of the picture's short side."""
GREY = 0.5


def filled(picture: Tensor, fill: Fill, seed: int = 0) -> Tensor:
    """A picture of the same shape in which the original is unrecognisable.

    picture: (channel, row, column), 0…1. mean: each channel's mean · blur: Gaussian with BLUR_SHARE
    of the short side · grey: GREY · noise: uniform, determined by `seed`. Raises ValueError for
    another fill.
    """
    make = _FILLS.get(fill)
    if make is None:
        raise ValueError(f"unknown fill {fill!r}; valid: {', '.join(FILLS)}")
    return make(picture, seed)


def blurred(picture: Tensor, sigma_px: float) -> Tensor:
    """A Gaussian blur, truncated at 4 sigma, with replicated borders."""
    reach = max(1, round(4 * sigma_px))
    steps = torch.arange(-reach, reach + 1, dtype=picture.dtype, device=picture.device)
    kernel = torch.exp(-steps.square() / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    channels = picture.shape[0]
    rows = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    columns = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    # Padded in several steps: `replicate` pads by less than the picture's size at a time.
    padded = _replicate(picture[None], reach)
    return F.conv2d(F.conv2d(padded, rows, groups=channels), columns, groups=channels)[0]


def _replicate(picture: Tensor, reach: int) -> Tensor:
    height, width = picture.shape[-2:]
    rows = torch.arange(-reach, height + reach, device=picture.device).clamp(0, height - 1)
    columns = torch.arange(-reach, width + reach, device=picture.device).clamp(0, width - 1)
    return picture[..., rows[:, None], columns]


def _mean(picture: Tensor, _: int) -> Tensor:
    return picture.mean((1, 2), keepdim=True).expand_as(picture)


def _blur(picture: Tensor, _: int) -> Tensor:
    return blurred(picture, BLUR_SHARE * min(picture.shape[1:]))


def _grey(picture: Tensor, _: int) -> Tensor:
    return torch.full_like(picture, GREY)


def _noise(picture: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(picture.shape, generator=generator).to(picture)


_FILLS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "mean": _mean,
    "blur": _blur,
    "grey": _grey,
    "noise": _noise,
}
