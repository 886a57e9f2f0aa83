"""Colours given as numbers rather than by a profile: PNG's cICP, sRGB, gAMA and cHRM, and AVIF's
`colr` box.

A 256-entry table maps levels to linear light (the transfer function), a matrix maps the file's
primaries to sRGB's, and sRGB's curve maps back to levels. The numbers of cICP follow ITU-T H.273
(2021), tables 2 and 3; the precedence of PNG's chunks follows PNG Third Edition, section 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float32]
Pixels = NDArray[np.uint8]

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = (*D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
PRIMARIES = {
    1: SRGB_PRIMARIES,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""H.273 number → x and y of white, red, green, blue."""

AS_SRGB = (1, 6, 13, 14, 15)
"""Video curves are made for displays and shown like sRGB, as browsers do."""

PQ, HLG = 16, 18
PAPER_WHITE_NITS = 203.0
"""ITU-R BT.2408: the level of paper white in an HDR picture."""

CUT = "The photo is HDR; values brighter than paper white were clipped."
NEARLY_SRGB = 0.05
"""A gamma this close to 1/2.2 means sRGB; libpng's PNG_GAMMA_THRESHOLD."""


@dataclass(frozen=True, slots=True)
class Colours:
    """light: linear light, 0…1, of evenly spaced levels. to_srgb: matrix (3, 3), None if the
    primaries are sRGB's.
    """

    light: Levels
    to_srgb: NDArray[np.float32] | None

    def applied(self, pixels: Pixels) -> Pixels:
        """(row, column, 3) → the same in sRGB."""
        if self.to_srgb is None:
            return self.table()[pixels]
        light = self.light[pixels] @ self.to_srgb.T
        return _levels(light)

    def table(self) -> Pixels:
        """Lookup table for each level, valid if all channels are equal or the primaries are
        sRGB's.
        """
        return _levels(self.light)


def of(info: Mapping[str, Any], notes: list[str], levels: int = 256) -> Colours | None:
    """The colours that Pillow and `png.set_aside` report; None for sRGB.

    Precedence: cICP, profile, sRGB, gAMA. If the picture has a profile, call this for cICP alone.
    """
    if "cicp" in info:
        found = _of_cicp(info["cicp"], notes, levels)
        if found is not None:
            return found[0]
    if "srgb" in info or info.get("icc_profile"):
        return None
    return _of_gamma(info.get("gamma"), info.get("chromaticity"), notes, levels)


def heeds_cicp(info: Mapping[str, Any]) -> bool:
    """Whether the picture's cICP is supported here, and therefore overrides its profile."""
    return "cicp" in info and _of_cicp(info["cicp"], [], 2) is not None


def _of_cicp(
    numbers: tuple[int, int, int, int], notes: list[str], levels: int
) -> tuple[Colours | None] | None:
    """None if the numbers are not supported here."""
    primaries, transfer, matrix, full_range = numbers
    if 2 in (primaries, transfer):  # "unspecified"
        return None
    if primaries not in PRIMARIES or transfer not in _TRANSFERS or matrix != 0:
        notes.append(
            f"The colour space {primaries}/{transfer}/{matrix} (cICP) is not known here and was "
            "ignored."
        )
        return None
    level = np.linspace(0, 1, levels)
    if not full_range:  # video black and white are 16 and 235 of 255
        level = (level * 255 - 16) / 219
    if transfer in (PQ, HLG):
        notes.append(CUT)
    elif full_range and transfer in AS_SRGB and primaries == 1:
        return (None,)
    light = _TRANSFERS[transfer](level.clip(0, 1)).clip(0, 1)
    return (Colours(light.astype(np.float32), _between(PRIMARIES[primaries])),)


def _of_gamma(
    gamma: float | None, chromaticity: tuple[float, ...] | None, notes: list[str], levels: int
) -> Colours | None:
    matrix = None
    if chromaticity is not None:
        try:
            matrix = _between(chromaticity)
        except (ValueError, np.linalg.LinAlgError, FloatingPointError):
            notes.append("The file's primary colours (cHRM) are none and were ignored.")
    if gamma is not None and not 0.01 <= gamma <= 10:
        notes.append(f"The file's gamma is {gamma:g}, and was ignored.")
        gamma = None
    plain = gamma is None or abs(gamma * 2.2 - 1) < NEARLY_SRGB
    if plain and matrix is None:
        return None
    level = np.linspace(0, 1, levels)
    light = srgb_to_light(level) if plain or gamma is None else level ** (1 / gamma)
    return Colours(light.astype(np.float32), matrix)


# Curves -------------------------------------------------------------------------------------------


def srgb_to_light(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _levels(light: Levels) -> Pixels:
    light = light.clip(0, 1)
    level = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    levels: Pixels = np.rint(level * 255).astype(np.uint8)
    return levels


def _pq(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084: level → light, paper white at 1."""
    root = level ** (32 / 2523)
    light = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    return 10_000 * light / PAPER_WHITE_NITS


def _hlg(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-R BT.2100 on a 1000-nit display, with the system gamma of 1.2 applied to each channel;
    paper white (75 % level) at 1.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
    return 1000 * scene**1.2 / PAPER_WHITE_NITS


_TRANSFERS = {
    **dict.fromkeys(AS_SRGB, srgb_to_light),
    4: lambda level: level**2.2,
    5: lambda level: level**2.8,
    8: lambda level: level,
    PQ: _pq,
    HLG: _hlg,
}


# Primaries ----------------------------------------------------------------------------------------

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    if y <= 0:
        raise ValueError("a colour without brightness")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(numbers: tuple[float, ...]) -> NDArray[np.float64]:
    """Light in these primaries → XYZ, adapted to D65."""
    white = _xyz(*numbers[:2])
    columns = np.stack([_xyz(*numbers[at : at + 2]) for at in (2, 4, 6)], axis=1)
    to_xyz = columns * np.linalg.solve(columns, white)
    ours, theirs = _BRADFORD @ _xyz(*D65), _BRADFORD @ white
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(ours / theirs) @ _BRADFORD
    return adapted @ to_xyz


def _between(numbers: tuple[float, ...]) -> NDArray[np.float32] | None:
    """Light in these primaries → light in sRGB's; None if they are equal."""
    matrix = np.linalg.solve(_to_xyz(SRGB_PRIMARIES), _to_xyz(numbers))
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 10:
        raise ValueError("no primaries")
    return None if np.abs(matrix - np.eye(3)).max() < 2e-3 else matrix.astype(np.float32)
