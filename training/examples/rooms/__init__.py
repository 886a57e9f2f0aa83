"""Rooms that this project draws itself, with the truth about where their walls are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.examples.rooms.light import light, photograph
from training.examples.rooms.raster import View
from training.examples.rooms.scene import build, choose_camera

SIZE_PX = 128
FINER = 2
"""Drawn this many times larger, then reduced: smooth edges."""

Bytes = NDArray[np.uint8]


def draw_room(seed: int, size_px: int = SIZE_PX) -> tuple[Bytes, Bytes]:
    """A room's picture (size_px, size_px, 3) and its mask (size_px, size_px): 1 wall, 0 other.

    Wall is the wall's own visible surface, with skirting boards, wainscot and pillars of the
    room's walls. What hangs on it or is let into it (windows, doors and their frames, pictures,
    shelves, curtains, radiators) and what stands before it is other, as floor and ceiling are.
    A pixel is wall where at least half of it is. The same seed draws the same room; at another size
    the same room is seen with another grain.
    """
    rng = np.random.default_rng(seed)
    size = (float(rng.uniform(2.6, 6.5)), float(rng.uniform(2.2, 3.4)), float(rng.uniform(3, 8)))
    view = View(choose_camera(rng, size), size_px * FINER)
    scene = build(view, rng, size)
    picture = np.asarray(photograph(light(view, scene, rng), size_px, rng))
    share = view.wall.reshape(size_px, FINER, size_px, FINER).mean(axis=(1, 3))
    return picture, (share >= 0.5).astype(np.uint8)
