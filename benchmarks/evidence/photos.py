"""The photos on which maps are scored, preprocessed for each network."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGENET, CALTECH = "imagenet_photos150", "caltech101_val"
TILE_PX = 256
"""Side in pixels of one of the four photos in a mosaic."""


@dataclass(frozen=True, eq=False, slots=True)
class Photo:
    """pixels: uint8 (3, row, column) · label: its class in its data set."""

    pixels: Tensor
    label: int


def load(folder: Path, name: str, most: int) -> list[Photo]:
    """Up to `most` photos of a set, spread evenly because sets are sorted by class."""
    with np.load(folder / f"{name}.npz") as archive:
        blob, offsets = archive["blob"].tobytes(), archive["offsets"].astype(np.int64).tolist()
        labels = archive["labels"].astype(np.int64).tolist()
    files = [blob[start:end] for start, end in pairwise(offsets)]
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int).tolist()
    return [Photo(_pixels(files[number]), labels[number]) for number in chosen]


def _pixels(file: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(file)).convert("RGB"))).permute(2, 0, 1)


def mosaic(photos: Sequence[Photo]) -> Tensor:
    """Four photos as one, two above two: uint8 (3, 2 · TILE_PX, 2 · TILE_PX)."""
    one, two, three, four = (_tile(photo.pixels) for photo in photos)
    return torch.cat([torch.cat([one, two], 2), torch.cat([three, four], 2)], 1)


def _tile(pixels: Tensor) -> Tensor:
    """The centre square of a photo."""
    side = min(pixels.shape[1:])
    top, left = ((length - side) // 2 for length in pixels.shape[1:])
    cut = Image.fromarray(
        pixels[:, top : top + side, left : left + side].permute(1, 2, 0).contiguous().numpy()
    )
    return torch.from_numpy(
        np.array(cut.resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC))
    ).permute(2, 0, 1)
