"""Samples of any depth → 8-bit levels: which sample is black and which is white."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Range:
    """black, white: samples; white is less than black if zero means white."""

    black: float
    white: float

    def levels(self, values: NDArray[Any], most: int) -> NDArray[Any]:
        """Samples → integer levels 0…most; NaN becomes the level of zero, or black."""
        wide: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
        if values.dtype.kind == "f":
            wide = np.where(np.isfinite(wide), wide, self.black)
        span = self.white - self.black or 1.0
        scaled: NDArray[Any] = np.rint((wide - self.black) * (most / span)).clip(0, most)
        levels: NDArray[Any] = scaled.astype(np.uint8 if most < 256 else np.uint16)
        return levels


def range_of(
    pieces: Iterable[NDArray[Any]],
    kind: str,
    bits: int,
    notes: list[str],
    *,
    largest: float | None = None,
    inverted: bool = False,
) -> Range:
    """pieces: the samples. kind: u, i or f, as in numpy. largest: the file's MaxSampleValue.
    inverted: zero is white.

    Integers are taken at full scale, floats from 0 to 1; samples outside are scaled to their actual
    range, and `notes` says so.
    """
    black, white = 0.0, _full(kind, bits)
    if kind in "uf" and largest is not None and 0 < largest < white and kind == "u":
        notes.append(f"Brightness 0 to {largest:g} was scaled to black and white.")
        white = float(largest)
    elif kind != "u" or bits > 16:
        low, high, all_finite = _extent(pieces)
        if not all_finite:
            notes.append("Pixels that are not numbers were made black.")
        if low < 0 or high > white or (kind == "f" and high > 1):
            notes.append(f"Brightness {low:g} to {high:g} was scaled to black and white.")
            black, white = low, high
    return Range(white, black) if inverted else Range(black, white)


def _full(kind: str, bits: int) -> float:
    """Integers of more than 16 bits mostly hold 16-bit samples."""
    if kind == "f":
        return 1.0
    return float((1 << min(bits, 16)) - 1)


def _extent(pieces: Iterable[NDArray[Any]]) -> tuple[float, float, bool]:
    low, high, all_finite = np.inf, -np.inf, True
    for piece in pieces:
        finite = np.isfinite(piece) if piece.dtype.kind == "f" else np.True_
        if not np.all(finite):
            all_finite = False
            piece = np.where(finite, piece, 0)
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    return low, high, all_finite
