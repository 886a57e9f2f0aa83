"""Furniture of boxes and cylinders.

Every piece stands in a frame of its own: x from left to right about the middle, z from its back
(0) to its front. It takes how wide, deep and tall it shall be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.examples.rooms.colours import WHITE, darker, fabric, near, paint, timber
from training.examples.rooms.raster import Colour, Frame, Point, Texture, View
from training.examples.rooms.textures import books, panelled, plain, planks, stripes

Rng = np.random.Generator
Draw = Callable[[View, Frame, Rng, Point, Colour], None]


def surface(rng: Rng, wall: Colour) -> tuple[Colour, Texture]:
    """What a cabinet is made of: wood, lacquer, or a paint much like the wall's."""
    kind = rng.random()
    if kind < 0.5:
        wood = timber(rng)
        return wood, planks(wood, darker(wood, 0.55), rng.uniform(0.3, 1.2), 3.0, level=False)
    colour = near(wall, rng) if kind < 0.7 else WHITE if kind < 0.85 else paint(rng)
    return colour, plain(colour, 0.03)


def cloth(rng: Rng) -> Texture:
    """What seats are covered with."""
    colour = fabric(rng)
    if rng.random() < 0.2:
        return stripes(colour, fabric(rng), rng.uniform(0.06, 0.2), rng.uniform(0.2, 0.5))
    return plain(colour, rng.uniform(0.02, 0.12))


def legs(view: View, frame: Frame, low: Point, high: Point, thick: float, texture: Texture) -> None:
    """Four legs under the corners of a plate, low and high being the space under it."""
    for x in (low[0], high[0] - thick):
        for z in (low[2], high[2] - thick):
            view.box(frame, (x, low[1], z), (x + thick, high[1], z + thick), texture)


def cabinet(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """Drawers or doors, on a plinth, on legs or on the floor; wardrobes and fridges too."""
    width, height, depth = size
    colour, body = surface(rng, wall)
    foot = float(rng.choice([0.0, 0.06, rng.uniform(0.1, 0.22)]))
    if foot > 0.07:
        dark = plain(darker(colour, 0.5))
        legs(view, frame, (-width / 2, 0, 0), (width / 2, foot, depth), 0.04, dark)
    elif foot:
        view.box(frame, (-width / 2 + 0.03, 0, 0), (width / 2 - 0.03, foot, depth - 0.04),
                 plain(darker(colour, 0.3)))  # fmt: skip
    columns = max(1, round(width / rng.uniform(0.4, 0.7)))
    rows = max(1, round((height - foot) / float(rng.choice([0.25, 0.4, 2.0]))))
    handle: Colour | None = None if rng.random() < 0.3 else (0.5, 0.5, 0.5)
    if handle and rng.random() < 0.5:
        handle = (0.03, 0.03, 0.03)
    front = panelled(colour, darker(colour, 0.35), columns, rows, width, height - foot, handle)
    view.box(frame, (-width / 2, foot, 0), (width / 2, height, depth), front, body)
    if height < 1.3:
        clutter(view, frame, rng, width, height, depth)


def clutter(view: View, frame: Frame, rng: Rng, width: float, height: float, depth: float) -> None:
    """Things that stand on a top: vases, boxes, lamps."""
    for _ in range(rng.integers(0, 4)):
        x, z = rng.uniform(-0.42, 0.42) * width, rng.uniform(0.3, 0.7) * depth
        tall, wide = rng.uniform(0.08, 0.35), rng.uniform(0.04, 0.11)
        kind = rng.random()
        if kind < 0.4:
            view.ellipsoid(frame, (x, height + tall / 2, z), (wide, tall / 2, wide),
                           plain(fabric(rng), 0.05), upright=bool(rng.random() < 0.5))  # fmt: skip
        elif kind < 0.8:
            view.box(frame, (x - wide, height, z - wide / 2), (x + wide, height + tall * 0.7,
                     z + wide / 2), plain(fabric(rng)))  # fmt: skip
        else:
            lamp(view, Frame(*frame.world(x, 0, z)[::2], frame.yaw), rng, height, 0.45)


def lamp(view: View, frame: Frame, rng: Rng, floor: float, tall: float) -> None:
    """A lamp with a round shade, on a floor or a table."""
    thin = 0.012 if tall < 1 else 0.018
    view.ellipsoid(frame, (0, floor + tall / 2, 0), (thin, tall / 2, thin), plain((0.05,) * 3),
                   upright=True)  # fmt: skip
    wide = rng.uniform(0.1, 0.14) * (1 if tall < 1 else 1.6)
    on = rng.random() < 0.6
    shade: Colour = (1.6, 1.35, 0.95) if on else (0.6, 0.55, 0.45)
    view.ellipsoid(frame, (0, floor + tall, 0), (wide, wide * 0.7, wide), plain(shade),
                   upright=True, glows=on)  # fmt: skip


def floor_lamp(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """A lamp as tall as a person."""
    lamp(view, Frame(*frame.world(0, 0, size[2] / 2)[::2]), rng, 0.0, size[1] - 0.15)


def bookcase(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """Shelves full of books, or half empty."""
    width, height, depth = size
    colour, body = surface(rng, wall)
    front = books(colour, width, height, max(1, round(height / 0.34)), rng.uniform(0.0, 0.6))
    view.box(frame, (-width / 2, 0, 0), (width / 2, height, depth), front, body)
    if height < 1.4:
        clutter(view, frame, rng, width, height, depth)


def sofa(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """Base, back, arms, seat cushions and a pillow or two; an armchair where it is narrow."""
    width, height, depth = size
    cover, arm = cloth(rng), rng.uniform(0.1, 0.22)
    seat, foot = rng.uniform(0.38, 0.46), rng.uniform(0.0, 0.12)
    half = width / 2
    if foot > 0.04:
        legs(view, frame, (-half, 0, 0), (half, foot, depth), 0.05, plain(timber(rng)))
    view.box(frame, (-half, foot, 0), (half, seat - 0.14, depth), cover)
    view.box(frame, (-half + arm, seat - 0.14, 0), (half - arm, height, 0.22), cover)
    side = rng.uniform(0.52, 0.65)
    for x in (-half, half - arm):
        view.box(frame, (x, foot, 0), (x + arm, side, depth), cover)
    seats = max(1, round((width - 2 * arm) / 0.7))
    wide = (width - 2 * arm) / seats
    for number in range(seats):
        x = -half + arm + number * wide
        view.box(frame, (x + 0.01, seat - 0.14, 0.2), (x + wide - 0.01, seat, depth + 0.02), cover)
    for _ in range(rng.integers(0, 4)):
        x = rng.uniform(-half + arm + 0.2, max(half - arm - 0.2, -half + arm + 0.21))
        view.ellipsoid(frame, (x, seat + 0.17, 0.33), (0.21, 0.19, 0.09), cloth(rng))


def chair(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """A plain chair."""
    width, height, depth = size
    half, wood = width / 2, plain(timber(rng), 0.05)
    legs(view, frame, (-half, 0, 0), (half, 0.44, depth), 0.04, wood)
    view.box(frame, (-half, 0.43, 0), (half, 0.48, depth), cloth(rng), wood)
    for x in (-half, half - 0.04):
        view.box(frame, (x, 0.44, 0), (x + 0.04, height, 0.04), wood)
    for y in np.linspace(0.6, height - 0.09, rng.integers(1, 4)):
        view.box(frame, (-half, float(y), 0.005), (half, float(y) + 0.09, 0.03), wood)


def table(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """A table, or a coffee table where it is low; chairs round it where it is high."""
    width, height, depth = size
    wood = timber(rng)
    top = planks(wood, darker(wood, 0.6), 0.15, 3.0)
    if rng.random() < 0.25:
        top = plain(WHITE if rng.random() < 0.5 else paint(rng))
    half = width / 2
    if height > 0.6:
        for turn in (0.0, np.pi):
            for x in np.linspace(-half + 0.4, half - 0.4, max(1, round(width / 0.8))):
                if rng.random() < 0.75:
                    out = rng.uniform(0.15, 0.45)
                    z = depth + out if turn else -out
                    at = frame.world(float(x), 0, z)
                    place = Frame(at[0], at[2], frame.yaw + turn + rng.normal(0, 0.1))
                    chair(view, place, rng, (0.44, rng.uniform(0.8, 1.0), 0.44), wall)
    view.box(frame, (-half, height - 0.04, 0), (half, height, depth), top)
    if rng.random() < 0.8:
        legs(view, frame, (-half + 0.04, 0, 0.04), (half - 0.04, height - 0.04, depth - 0.04),
             0.05, plain(darker(wood, 0.8)))  # fmt: skip
    else:
        view.ellipsoid(frame, (0, height / 2, depth / 2), (0.06, height / 2, 0.06),
                       plain(darker(wood, 0.5)), upright=True)  # fmt: skip
    clutter(view, frame, rng, width, height, depth)


def bed(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """Headboard, base, mattress, blanket and pillows."""
    width, height, depth = size
    half, (_, body) = width / 2, surface(rng, wall)
    if rng.random() < 0.75:
        view.box(frame, (-half - 0.05, 0, 0), (half + 0.05, height, 0.07), body)
    view.box(frame, (-half, 0.08, 0.05), (half, 0.3, depth), body)
    view.box(frame, (-half + 0.02, 0.3, 0.06), (half - 0.02, 0.5, depth), plain(WHITE, 0.03))
    view.box(frame, (-half, 0.24, rng.uniform(0.5, 0.9)), (half, 0.54, depth + 0.02), cloth(rng))
    for x in (-0.25, 0.25) if width > 1.1 else (0.0,):
        view.ellipsoid(frame, (x * width, 0.56, 0.32), (0.3, 0.1, 0.19), plain(near(WHITE, rng)))


def plant(view: View, frame: Frame, rng: Rng, size: Point, wall: Colour) -> None:
    """A pot with leaves that bend outwards."""
    _, height, depth = size
    x, _, z = frame.world(0, 0, depth / 2)
    here, pot = Frame(x, z), rng.uniform(0.12, 0.2)
    view.ellipsoid(here, (0, pot, 0), (pot, pot, pot), plain(fabric(rng), 0.05), upright=True)
    outlines, colours = [], []
    broad = rng.uniform(0.035, 0.12)
    for _ in range(int(rng.integers(12, 34))):
        turn, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.5) * min(1.0, height)
        tall = 2 * pot + (height - 2 * pot) * rng.uniform(0.35, 1.0)
        out, across = (np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))
        left: list[Point] = []
        right: list[Point] = []
        for t in np.linspace(0, 1, 5):
            along = reach * t**1.4
            rise = 2 * pot + (tall - 2 * pot) * np.sin(t * rng.uniform(1.5, 1.7))
            side = broad * np.sin(np.pi * min(1.0, 0.06 + t)) + 0.004
            for edge, sign in ((left, 1), (right, -1)):
                edge.append((float(x + along * out[0] + sign * side * across[0]), float(rise),
                             float(z + along * out[1] + sign * side * across[1])))  # fmt: skip
        outlines.append(left + right[::-1])
        green = rng.uniform(0.5, 1.3)
        colours.append((0.05 * green, 0.16 * green, 0.035 * green))
    view.leaves(outlines, colours)


@dataclass(frozen=True)
class Piece:
    """A kind of furniture: how it is drawn and the least and largest width, height and depth."""

    draw: Draw
    least: Point
    largest: Point
    weight: float = 1.0

    def size(self, rng: Rng) -> Point:
        """A size at random."""
        width, height, depth = (float(rng.uniform(a, b))
                                for a, b in zip(self.least, self.largest, strict=True))  # fmt: skip
        return width, height, depth


ALONG_WALLS = (
    Piece(cabinet, (0.6, 0.5, 0.35), (2.0, 1.1, 0.5), 1.4),
    Piece(cabinet, (0.6, 1.5, 0.4), (2.4, 2.3, 0.65), 1.2),
    Piece(bookcase, (0.5, 0.8, 0.25), (2.4, 2.3, 0.4), 1.2),
    Piece(sofa, (1.5, 0.75, 0.8), (2.5, 0.95, 1.0), 1.3),
    Piece(sofa, (0.75, 0.75, 0.75), (0.95, 1.0, 0.9), 0.6),
    Piece(bed, (0.9, 0.8, 1.95), (1.8, 1.3, 2.1), 0.7),
    Piece(table, (1.0, 0.72, 0.5), (1.6, 0.78, 0.7), 0.4),
    Piece(chair, (0.42, 0.8, 0.42), (0.5, 1.05, 0.5), 0.5),
    Piece(plant, (0.5, 0.6, 0.5), (0.6, 1.7, 0.6), 0.9),
    Piece(floor_lamp, (0.35, 1.4, 0.35), (0.4, 1.8, 0.4), 0.5),
)
IN_THE_MIDDLE = (
    Piece(table, (1.2, 0.72, 0.7), (2.0, 0.78, 1.0), 1.0),
    Piece(table, (0.7, 0.3, 0.5), (1.3, 0.45, 0.8), 1.0),
    Piece(sofa, (0.75, 0.75, 0.75), (2.0, 0.95, 0.95), 0.8),
    Piece(cabinet, (0.5, 0.35, 0.4), (1.2, 0.5, 0.5), 0.4),
    Piece(plant, (0.5, 0.6, 0.5), (0.6, 1.5, 0.6), 0.3),
)


def chosen(pieces: tuple[Piece, ...], rng: Rng) -> Piece:
    """One of the pieces, the heavier the more often."""
    weights = np.array([piece.weight for piece in pieces])
    return pieces[int(rng.choice(len(pieces), p=weights / weights.sum()))]
