"""What surfaces are made of: functions from a place in metres to a linear colour."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from training.examples.rooms.raster import Colour, Floats, Texture, floats

TABLE = 256
"""Entries along a side of the tables of noise."""


@cache
def cloud() -> Floats:
    """(TABLE, TABLE): smooth noise of several octaves that tiles, mean 0, mostly within ±1."""
    rng = np.random.default_rng(7)
    total = np.zeros((TABLE, TABLE), dtype=np.float32)
    frequency = np.fft.fftfreq(TABLE)
    distance = np.hypot(frequency[:, None], frequency[None, :])
    spectrum = np.fft.fft2(rng.standard_normal((TABLE, TABLE))) / np.maximum(distance, 0.01) ** 1.2
    spectrum[0, 0] = 0
    total = np.fft.ifft2(spectrum).real.astype(np.float32)
    spread: Floats = (total / (2 * total.std())).astype(np.float32)
    return spread


@cache
def dice() -> Floats:
    """(TABLE, TABLE): independent numbers on 0..1."""
    rolled: Floats = np.random.default_rng(8).random((TABLE, TABLE), dtype=np.float32)
    return rolled


def look_up(table: Floats, x: Floats, y: Floats) -> Floats:
    """The table's entry at whole steps of x and y, repeating."""
    found: Floats = table[
        np.floor(y).astype(np.int32) % TABLE, np.floor(x).astype(np.int32) % TABLE
    ]
    return found


def mixed(one: Colour, two: Colour, share: Floats) -> Floats:
    """(n, 3): from one colour to the other."""
    first, second = floats(one), floats(two)
    blend: Floats = first + share[:, None] * (second - first)
    return blend


def faded(pattern: Floats, mean: float, period: float, pixel: Floats) -> Floats:
    """A pattern as far as pixels can resolve it: towards its mean as they near its period."""
    kept = np.clip(1.6 - 2.4 * pixel / np.float32(period), 0, 1)
    shown: Floats = np.float32(mean) + kept * (pattern - np.float32(mean))
    return shown


def plain(colour: Colour, mottle: float = 0.0, grain: float = 0.02) -> Texture:
    """One colour, uneven by `mottle`; grain: metres a step of the noise."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        base = floats(colour)
        if not mottle:
            return np.broadcast_to(base, (len(u), 3))
        uneven = look_up(cloud(), u / np.float32(grain), v / np.float32(grain))
        painted: Floats = base * (1 + np.float32(mottle) * uneven)[:, None]
        return painted

    return texture


def stripes(one: Colour, two: Colour, period: float, share: float, *, level: bool = False
            ) -> Texture:  # fmt: skip
    """Upright stripes, or level ones; share: how much of a period the second colour takes."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        along = ((v if level else u) / np.float32(period)) % 1
        return mixed(one, two, faded((along < share).astype(np.float32), share, period, pixel))

    return texture


def bricks(stone: Colour, mortar: Colour, length: float, height: float, uneven: float) -> Texture:
    """Rows of bricks, every other row set off by half a brick."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        row = np.floor(v / np.float32(height))
        along = u / np.float32(length) + 0.5 * (row % 2)
        joint = 0.012
        in_row = (v / np.float32(height)) % 1
        gap = (in_row < joint / height) | ((along % 1) < joint / length)
        shade = 1 + np.float32(uneven) * (look_up(dice(), along, row) - np.float32(0.5))
        speck = 1 + np.float32(0.08) * look_up(cloud(), u * 60, v * 60)
        share = faded(gap.astype(np.float32), joint / height + joint / length, 0.03, pixel)
        return mixed(stone, mortar, share) * (shade * speck)[:, None]

    return texture


def tiles(one: Colour, two: Colour, grout: Colour, size: float, uneven: float = 0.05) -> Texture:
    """Square tiles in a chequer of two colours, with grout between."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        x, y = u / np.float32(size), v / np.float32(size)
        chequer = faded((np.floor(x) + np.floor(y)) % 2, 0.5, 2 * size, pixel)
        width = np.float32(0.008 / size)
        line = ((x % 1) < width) | ((y % 1) < width)
        shade = 1 + np.float32(uneven) * (look_up(dice(), x, y) - np.float32(0.5))
        colour = mixed(one, two, chequer) * shade[:, None]
        gap = faded(line.astype(np.float32), float(2 * width), 0.02, pixel)[:, None]
        joined: Floats = colour + gap * (floats(grout) - colour)
        return joined

    return texture


def planks(wood: Colour, dark: Colour, width: float, length: float, *, level: bool = True
           ) -> Texture:  # fmt: skip
    """Boards with grain; level: their length runs along u."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        along, across = (u, v) if level else (v, u)
        row = np.floor(across / np.float32(width))
        shift = look_up(dice(), row * 7, row * 3 + 1)
        place = along / np.float32(length) + shift
        tone = look_up(dice(), place, row)
        grain = look_up(cloud(), along * 12 + 40 * tone, across * 170)
        share = np.float32(0.3) * tone + faded(np.float32(0.25) * grain, 0.0, 0.02, pixel)
        joint = ((across / np.float32(width)) % 1 < 0.004 / width) | (place % 1 < 0.004 / length)
        share = share + faded(joint.astype(np.float32), 0.06, 0.02, pixel) * np.float32(0.7)
        return mixed(wood, dark, np.clip(share, 0, 1))

    return texture


def motifs(ground: Colour, figure: Colour, period: float, shape: int) -> Texture:
    """Wallpaper: discs, lozenges, rings or leaves, set off by half a period every other row."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        y = v / np.float32(period)
        x = u / np.float32(period) + 0.5 * (np.floor(y) % 2)
        x, y = np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5)
        inside: NDArray[np.bool_]
        if shape == 0:
            inside = x * x + y * y < 0.06
        elif shape == 1:
            inside = x + 0.6 * y < 0.26
        elif shape == 2:
            distance = x * x + y * y
            inside = (distance < 0.12) & (distance > 0.05)
        else:
            inside = (x < 0.3 * (0.5 - y) * (1 + np.sin(9 * y))) & (y < 0.42)
        share = faded(inside.astype(np.float32), 0.25, period * 0.5, pixel)
        return mixed(ground, figure, share)

    return texture


def stacked(low: Texture, high: Texture, height: float, rail: Colour) -> Texture:
    """Two textures one above the other with a rail between, as wainscot and wallpaper are."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        below = v < np.float32(height)
        colour = np.empty((len(u), 3), dtype=np.float32)
        for texture, chosen in ((low, below), (high, ~below)):
            colour[chosen] = texture(u[chosen], v[chosen], pixel[chosen])
        colour[np.abs(v - np.float32(height)) < 0.025] = floats(rail)
        return colour

    return texture


def panelled(colour: Colour, dark: Colour, columns: int, rows: int, width: float, height: float,
             handle: Colour | None) -> Texture:  # fmt: skip
    """A front of drawers or doors, columns × rows over width × height, each with a handle."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        x, y = u * np.float32(columns / width), v * np.float32(rows / height)
        x, y = (
            (x % 1 - 0.5) * np.float32(width / columns),
            (y % 1 - 0.5) * np.float32(height / rows),
        )
        edge = np.minimum(width / columns / 2 - np.abs(x), height / rows / 2 - np.abs(y))
        share = np.clip(1 - edge / np.maximum(0.012, 0.7 * pixel), 0, 1)
        painted = mixed(colour, dark, share * np.float32(0.8))
        if handle is not None:
            held = (np.abs(x) < min(0.07, width / columns / 4)) & (
                np.abs(y) < np.maximum(0.012, 0.5 * pixel)
            )
            painted[held] = floats(handle)
        return painted

    return texture


def books(wood: Colour, width: float, height: float, rows: int, gaps: float) -> Texture:
    """Shelves of books: spines of many colours, some compartments partly empty."""

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        y = v * np.float32(rows / height)
        row = np.floor(y)
        tall = height / rows
        spine: Floats = u / np.float32(0.045)
        colours = np.stack(
            [look_up(dice(), spine + 31 * number, row * 5 + number) for number in range(3)], axis=1
        )
        tops = np.float32(0.55) + np.float32(0.35) * look_up(dice(), spine, row * 11 + 3)
        empty = look_up(dice(), spine / np.float32(6), row + 50) < gaps
        in_row = (y % 1).astype(np.float32)
        colour = colours**2 * np.float32(0.4) + np.float32(0.02)
        behind = (in_row > tops) | empty
        colour[behind] = floats(wood) * np.float32(0.25)
        board = (in_row * tall < 0.025) | (u < 0.025) | (u > width - 0.025)
        colour[board] = floats(wood)
        return colour

    return texture
