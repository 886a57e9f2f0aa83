"""The photo among a network's arguments, and the cell of each of its entries.

A photo is (photo, channel, height, width). A video or a stack of tiles is (photo, frame, channel,
height, width), a volume (photo, channel, depth, height, width). Some processors cut the patches
themselves and pass rows of pixels, with the grid beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.grids import Axis, Cells, PatchGrid
from fovea.models.places.shadows import NOWHERE, new_grid

GRIDS = ("image_grid_thw", "video_grid_thw", "grid_thw", "image_grid_hws", "spatial_shapes")
"""Processors' names for the numbers of patch rows and columns."""

CHANNELS = (1, 3, 4)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a function's arguments or result."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)


def named_in(value: Any) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of all keyword arguments."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if isinstance(part, Tensor):
                yield str(name), part
            else:
                yield from named_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from named_in(part)


def photo_in(given: Any) -> Tensor | None:
    """The photos among a network's arguments; None if there are none."""
    pictures = [one for one in tensors_in(given) if one.is_floating_point()]
    for axes in (4, 5):
        found = next(
            (picture for picture in pictures if picture.ndim == axes and picture.numel()), None
        )
        if found is not None:
            return found
    return (
        None
        if grid_in(given) is None
        else next((picture for picture in pictures if picture.ndim > 1), None)
    )


def grid_in(given: Any) -> Tensor | None:
    """(image, 3) or (image, 2): the grids of patches that a processor cut."""
    named = dict(named_in(given))
    found = next((named[name] for name in GRIDS if name in named), None)
    if found is None:  # by its argument position, beside rows of pixels
        flat = [one for one in tensors_in(given) if one.is_floating_point() and one.ndim == 2]
        whole = [one for one in tensors_in(given) if not one.is_floating_point()]
        fits = (
            one
            for one in whole
            if flat
            and one.ndim == 2
            and one.shape[1] == 3
            and int(one.prod(1).sum()) == len(flat[0])
        )
        found = next(fits, None)
    return found if found is not None and found.ndim == 2 and found.shape[1] in (2, 3) else None


def photos_in(given: Any) -> int:
    """The batch size: how many photos went through the network together."""
    photo = photo_in(given)
    if photo is None:
        return 1
    if photo.ndim == 2:
        return 1
    if are_tiles(photo, given):
        return 1
    return len(photo)


def are_tiles(photo: Tensor, given: Any) -> bool:
    """Whether a batch of pictures are tiles of one photo: there is a single sentence for them."""
    words = [one for one in tensors_in(given) if one.ndim == 2 and one.dtype == torch.int64]
    return photo.ndim == 4 and len(photo) > 1 and any(len(word) == 1 for word in words)


def shadow_of(photo: Tensor, given: Any, module: nn.Module, *, frames_first: bool) -> Cells | None:
    """The cell of each entry of the photo; None if unknown.

    frames_first: for five axes, whether frames precede channels, if both are possible.
    """
    if photo.ndim == 4:
        if not are_tiles(photo, given):
            return new_grid(*photo.shape[2:])
        return stacked(photo)
    if photo.ndim == 5:
        cells = new_grid(*_deep(photo, frames_first=frames_first))
        if frames_first and cells.grid.depth > 1:
            return Cells(cells.cells.transpose(1, 2), cells.grid)
        return (
            cells
            if not frames_first
            else Cells(cells.cells.view(1, 1, 1, *photo.shape[3:]), cells.grid)
        )
    grids = grid_in(given)
    return None if grids is None else _of_rows(photo, grids, module)


def may_be_frames_first(photo: Tensor) -> tuple[bool, ...]:
    """The possible orders of five axes, the more likely first."""
    if photo.ndim != 5:
        return (False,)
    first, second = (photo.shape[axis] in CHANNELS for axis in (1, 2))
    if first and second:
        return (photo.shape[2] == 3, photo.shape[2] != 3)
    return (True,) if second else (False,)


def _deep(photo: Tensor, *, frames_first: bool) -> tuple[int, ...]:
    return (photo.shape[1 if frames_first else 2], *photo.shape[3:])


def stacked(photo: Tensor) -> Cells:
    """The cells of a batch of pictures, each of which is a layer: (picture, 1, row, column)."""
    cells = new_grid(len(photo), *photo.shape[2:])
    return Cells(cells.cells[0, 0].unsqueeze(1), cells.grid)


def merge_of(module: nn.Module) -> int:
    """The patch merge factor of a network, which determines its processor's patch order."""
    for part in module.modules():
        for owner in (part, getattr(part, "config", None)):
            size = getattr(owner, "spatial_merge_size", None) or getattr(owner, "merge_size", None)
            if isinstance(size, int) and size > 0:
                return size
    return 1


def _of_rows(photo: Tensor, grids: Tensor, module: nn.Module) -> Cells | None:
    """For rows of pixels, (patch, pixel) or (photo, patch, pixel): of the first picture."""
    sizes = grids[0].tolist()
    deep, rows, columns = sizes if len(sizes) == 3 else (1, *sizes)
    padded = photo.ndim == 3
    merge = 1 if padded else merge_of(module)
    if rows % merge or columns % merge or deep * rows * columns > photo.shape[-2]:
        return None
    order = torch.arange(deep * rows * columns, dtype=torch.int32)
    order = order.view(deep, rows // merge, merge, columns // merge, merge).transpose(2, 3)
    cells = torch.full((photo.shape[-2],), NOWHERE, dtype=torch.int32)
    cells[: order.numel()] = order.reshape(-1)
    side = _patch_px(photo.shape[-1])
    axes = [Axis(0.0, float(side), float(side))] * 2
    if deep > 1:
        axes = [Axis(), *axes]
    grid = PatchGrid(rows, columns, deep, tuple(axes))
    return Cells(cells.view(-1, 1) if photo.ndim == 2 else cells.view(1, -1, 1), grid)


def _patch_px(pixels: int) -> int:
    """The side of a square patch with that many numbers, for one frame or two."""
    for layers in (3, 6, 1, 2):
        side = math.isqrt(pixels // layers)
        if side * side * layers == pixels:
            return side
    return 1
