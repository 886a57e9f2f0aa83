"""Sets of drawn rooms, cached in a folder."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from training.examples.rooms import SIZE_PX, Bytes, draw_room

HELD_OUT_FROM = 1_000_000
"""Seeds from here on are held out."""


@dataclass(frozen=True)
class Rooms:
    """pictures: (room, size_px, size_px, 3) · walls: (room, size_px, size_px), 1 wall, 0 other."""

    pictures: Bytes
    walls: Bytes

    def __len__(self) -> int:
        return len(self.pictures)


def drawing() -> str:
    """A short hash of this package's source: it changes when drawing changes."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path != Path(__file__):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def draw_rooms(first: int, count: int, size_px: int = SIZE_PX, processes: int = 1) -> Rooms:
    """The rooms of `count` seeds starting at `first`; the number of processes does not affect the
    result.
    """
    draw, seeds = partial(draw_room, size_px=size_px), range(first, first + count)
    if processes == 1:
        drawn = [draw(seed) for seed in seeds]
    else:
        # Spawned: a fork would copy torch's threads and the accelerator's state in mid-use.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            drawn = list(pool.map(draw, seeds, chunksize=16))
    pictures, walls = zip(*drawn, strict=True)
    return Rooms(np.stack(pictures), np.stack(walls))


def kept_rooms(folder: Path, first: int, count: int, size_px: int = SIZE_PX) -> Rooms:
    """The rooms of `draw_rooms`, from the cache folder if they are there."""
    path = folder / f"{first}-{count}-{size_px}px-{drawing()}.npz"
    if path.is_file():
        with np.load(path) as archive:
            return Rooms(archive["pictures"], archive["walls"])
    print(f"drawing {count} rooms", flush=True)
    processes = max(1, min(len(os.sched_getaffinity(0)), count // 64))
    rooms = draw_rooms(first, count, size_px, processes)
    folder.mkdir(parents=True, exist_ok=True)
    # Two trainings may draw at once; each writes its own file.
    partial_path = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial_path, pictures=rooms.pictures, walls=rooms.walls)
    partial_path.replace(path)
    return rooms
