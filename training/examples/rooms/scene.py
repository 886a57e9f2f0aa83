"""A room at random: its size, its surfaces, what is let into its walls and what stands in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.examples.rooms.colours import WHITE, darker, fabric, from_hsv, near, paint, timber
from training.examples.rooms.fittings import Span, door, picture, shelf, window
from training.examples.rooms.furniture import ALONG_WALLS, IN_THE_MIDDLE, Draw, Rng, chosen
from training.examples.rooms.raster import (
    Camera,
    Colour,
    Floats,
    Frame,
    Point,
    Texture,
    View,
    floats,
)
from training.examples.rooms.textures import bricks, motifs, plain, planks, stacked, stripes, tiles


@dataclass(frozen=True)
class Footprint:
    """A standing piece as light meets it: a box of its frame from the floor up."""

    frame: Frame
    low: Point
    high: Point


@dataclass(frozen=True)
class Opening:
    """A window that lets in light: its wall's frame and its span."""

    frame: Frame
    span: Span


@dataclass(frozen=True)
class Scene:
    """What lighting needs of a room that was drawn."""

    size: Point
    standing: tuple[Footprint, ...]
    openings: tuple[Opening, ...]


def choose_camera(rng: Rng, size: Point) -> Camera:
    """Somewhere in the nearer half of the room, looking across it."""
    width, height, depth = size
    yaw = float(np.clip(rng.normal(0, 0.42), -0.85, 0.85))
    aside = float(np.clip(0.5 - 0.45 * np.sin(yaw) + rng.normal(0, 0.14), 0.1, 0.9))
    at = (aside * width, float(rng.uniform(0.8, min(2.0, height - 0.4))),
          float(rng.uniform(0.04, 0.42)) * depth)  # fmt: skip
    return Camera(
        at=at,
        yaw=yaw,
        pitch=float(rng.normal(-0.06, 0.1)),
        roll=float(rng.normal(0, 0.025)),
        reach=float(rng.uniform(0.55, 1.05)),
    )


def wall_texture(rng: Rng, colour: Colour) -> Texture:
    """Paint, wallpaper, brick, tile or boards."""
    kind = rng.random()
    if kind < 0.42:
        return plain(colour, rng.uniform(0, 0.06), rng.uniform(0.01, 0.08))
    other = near(colour, rng, 0.35) if rng.random() < 0.7 else paint(rng)
    if kind < 0.54:
        return stripes(colour, other, rng.uniform(0.08, 0.6), rng.uniform(0.15, 0.6))
    if kind < 0.66:
        return motifs(colour, other, rng.uniform(0.12, 0.6), int(rng.integers(4)))
    if kind < 0.75:
        stone = colour if rng.random() < 0.4 else from_hsv(rng.normal(0.03, 0.015),
                rng.uniform(0.3, 0.65), rng.uniform(0.35, 0.75))  # fmt: skip
        return bricks(stone, near(darker(stone, rng.uniform(0.5, 1.7)), rng), 0.25, 0.08, 0.5)
    if kind < 0.83:
        grout = darker(colour, rng.uniform(0.5, 0.9))
        return tiles(colour, near(colour, rng, 0.1), grout, rng.uniform(0.1, 0.4))
    if kind < 0.9:
        wood = timber(rng) if rng.random() < 0.5 else colour
        return planks(wood, darker(wood, 0.6), rng.uniform(0.08, 0.2), 6.0,
                      level=bool(rng.random() < 0.4))  # fmt: skip
    low = planks(WHITE, darker(WHITE, 0.7), 0.12, 9.0, level=False)
    return stacked(low if rng.random() < 0.5 else plain(other), plain(colour, 0.03),
                   rng.uniform(0.8, 1.3), WHITE)  # fmt: skip


def floor_texture(rng: Rng, wall: Colour) -> Texture:
    """Boards, tiles, carpet or concrete; now and then of the wall's own colour."""
    kind = rng.random()
    if kind < 0.5:
        wood = timber(rng)
        return planks(wood, darker(wood, rng.uniform(0.4, 0.8)), rng.uniform(0.07, 0.25),
                      rng.uniform(0.6, 2.5), level=bool(rng.random() < 0.5))  # fmt: skip
    colour = near(wall, rng) if kind < 0.65 else paint(rng)
    if kind < 0.8:
        other = near(colour, rng) if rng.random() < 0.6 else paint(rng)
        return tiles(colour, other, darker(colour, 0.6), rng.uniform(0.2, 0.7))
    return plain(colour, rng.uniform(0.03, 0.2), rng.uniform(0.003, 0.05))


def ceiling_texture(rng: Rng, wall: Colour) -> Texture:
    """White, the wall's colour, or boards."""
    kind = rng.random()
    if kind < 0.5:
        return plain(near(WHITE, rng), 0.02)
    if kind < 0.85:
        return plain(near(wall, rng, 0.06), 0.03)
    wood = timber(rng)
    return planks(wood, darker(wood, 0.6), 0.15, 6.0)


def paint_surfaces(view: View, rng: Rng, size: Point, colours: list[Colour]) -> None:
    """Floor, ceiling, and the four walls, which are alike but for an accent wall now and then."""
    axis, points = view.room(size)
    view.colour[:] = 0
    common = wall_texture(rng, colours[0])
    walls = [common] * 4
    if rng.random() < 0.3:
        walls[int(rng.integers(4))] = wall_texture(rng, colours[1])
    floor, ceiling = floor_texture(rng, colours[0]), ceiling_texture(rng, colours[0])
    skirting = None if rng.random() < 0.3 else WHITE if rng.random() < 0.6 else timber(rng)
    x, y, z = points
    pixel = view.depth * view.pixel

    def cover(facing: NDArray[np.bool_], u: Floats, v: Floats, texture: Texture) -> None:
        if facing.any():
            view.colour[facing] = texture(u[facing], v[facing], pixel[facing])

    for across, u, numbers in ((0, z, (0, 1)), (2, x, (2, 3))):
        for far, number in enumerate(numbers):
            facing = (axis == across) & ((view.rays[across] > 0) == bool(far))
            cover(facing, u, y, walls[number])
    below = axis == 1
    cover(below & (view.rays[1] < 0), x, z, floor)
    cover(below & (view.rays[1] > 0), x, z, ceiling)
    if skirting is not None:
        view.colour[(axis != 1) & (y < rng.uniform(0.06, 0.14))] = floats(skirting)


def wall_frames(size: Point) -> list[tuple[Frame, float]]:
    """The left, right and far walls: where their middles are, and how long they are."""
    width, _, depth = size
    return [
        (Frame(0, depth / 2, np.pi / 2), depth),
        (Frame(width, depth / 2, -np.pi / 2), depth),
        (Frame(width / 2, depth, np.pi), width),
    ]


def blocked(camera: Camera, frame: Frame, low: Point, high: Point) -> bool:
    """Whether the camera would stand in the piece or have it before its nose."""
    c, s = np.cos(frame.yaw), np.sin(frame.yaw)
    x, z = camera.at[0] - frame.x, camera.at[2] - frame.z
    x, z = c * x - s * z, s * x + c * z
    room = 0.55
    return bool(low[0] - room < x < high[0] + room and low[2] - room < z < high[2] + room)


def fit_out(view: View, rng: Rng, frame: Frame, length: float, height: float, colour: Colour
            ) -> tuple[list[Opening], list[Span]]:  # fmt: skip
    """Windows, doors, pictures and shelves of a wall, from left to right."""
    openings, taken = [], []
    at = -length / 2 + rng.uniform(0.15, 0.8)
    busy = rng.uniform(0.3, 1.0)
    while at < length / 2 - 0.7:
        room = length / 2 - 0.15 - at
        kind = rng.random()
        if rng.random() > busy:
            at += rng.uniform(0.4, 1.4)
            continue
        if kind < 0.3:
            wide = min(room, rng.uniform(0.7, 2.6))
            low = 0.03 if rng.random() < 0.15 else rng.uniform(0.5, 1.1)
            span = (at, low, at + wide, min(height - 0.12, low + rng.uniform(0.9, 2.0)))
            window(view, frame, rng, span, colour)
            openings.append(Opening(frame, span))
        elif kind < 0.45 and room > 1.0:
            wide = rng.uniform(0.75, 0.95)
            span = (at, 0.0, at + wide, min(height - 0.1, rng.uniform(2.0, 2.2)))
            door(view, frame, rng, span, colour)
        elif kind < 0.85:
            wide, tall = min(room, rng.uniform(0.25, 1.3)), rng.uniform(0.25, 1.0)
            middle = rng.uniform(1.4, 1.8)
            span = (at, middle - tall / 2, at + wide, min(middle + tall / 2, height - 0.05))
            picture(view, frame, rng, span, colour)
        else:
            low = rng.uniform(1.2, 1.7)
            span = (at, low, at + min(room, rng.uniform(0.5, 1.6)), low + 0.6)
            shelf(view, frame, rng, span, colour)
        taken.append(span)
        at = span[2] + rng.uniform(0.15, 1.0)
    return openings, taken


def furnish(view: View, rng: Rng, size: Point, walls: list[list[Span]], colour: Colour
            ) -> list[Footprint]:  # fmt: skip
    """Pieces along the walls, not before what hangs there, and some in the middle."""
    standing: list[Footprint] = []

    def stand(draw: Draw, frame: Frame, extent: Point) -> None:
        low, high = (-extent[0] / 2, 0.0, 0.0), (extent[0] / 2, extent[1], extent[2])
        if blocked(view.camera, frame, low, high):
            return
        draw(view, frame, rng, extent, colour)
        standing.append(Footprint(frame, low, high))

    crowded = rng.uniform(0.35, 1.0)
    for (wall, length), taken in zip(wall_frames(size), walls, strict=True):
        at = -length / 2 + rng.uniform(0.05, 0.9)
        while at < length / 2 - 0.5:
            piece = chosen(ALONG_WALLS, rng)
            extent = piece.size(rng)
            free = at + extent[0] < length / 2 - 0.02 and not any(
                span[0] < at + extent[0] and span[2] > at and span[1] < extent[1] for span in taken
            )
            if not free or rng.random() > crowded:
                at += rng.uniform(0.2, 0.5)
                continue
            x, _, z = wall.world(at + extent[0] / 2, 0, 0.02 + max(0.0, rng.normal(0, 0.05)))
            stand(piece.draw, Frame(x, z, wall.yaw), extent)
            at += extent[0] + rng.uniform(0.02, 0.9)
    for _ in range(int(rng.integers(0, 4))):
        piece = chosen(IN_THE_MIDDLE, rng)
        extent = piece.size(rng)
        frame = Frame(rng.uniform(0.25, 0.75) * size[0], rng.uniform(0.35, 0.8) * size[2],
                      rng.choice([rng.uniform(0, 2 * np.pi), np.pi, np.pi / 2, 0.0]))  # fmt: skip
        stand(piece.draw, frame, extent)
    return standing


def build(view: View, rng: Rng, size: Point) -> Scene:
    """Draw everything of a room, unlit."""
    width, height, depth = size
    colours = [paint(rng), paint(rng)]
    paint_surfaces(view, rng, size, colours)
    openings: list[Opening] = []
    spans: list[list[Span]] = []
    for frame, length in wall_frames(size):
        opened, taken = fit_out(view, rng, frame, length, height, colours[0])
        openings += opened
        spans.append(taken)
    if rng.random() < 0.45:  # a rug
        x, z, long, wide = (rng.uniform(0.3, 0.7) * width, rng.uniform(0.35, 0.7) * depth,
                            rng.uniform(0.7, 1.6), rng.uniform(0.5, 1.1))  # fmt: skip
        one, two = fabric(rng), fabric(rng)
        rug = (plain(one, 0.1), motifs(one, two, rng.uniform(0.2, 0.6), int(rng.integers(4))),
               stripes(one, two, rng.uniform(0.1, 0.5), 0.5))[rng.integers(3)]  # fmt: skip
        view.box(Frame(x, z, rng.normal(0, 0.1)), (-long, 0, -wide), (long, 0.012, wide), rug)
    if rng.random() < 0.25:  # a pillar or a chimney breast is wall too
        frame, length = wall_frames(size)[int(rng.integers(3))]
        at, wide, out = (
            rng.uniform(-0.4, 0.4) * length,
            rng.uniform(0.3, 1.4),
            rng.uniform(0.2, 0.5),
        )
        low, high = (at - wide / 2, 0.0, 0.0), (at + wide / 2, height, out)
        if not blocked(view.camera, frame, low, high):
            same = near(colours[0], rng, 0.05)
            view.box(frame, low, high, wall_texture(rng, same), plain(same), wall=True)
    if rng.random() < 0.15:  # beams
        beam, across = plain(timber(rng), 0.1), rng.uniform(0.1, 0.2)
        for z in np.arange(rng.uniform(0.2, 0.8), depth, rng.uniform(0.7, 1.3)):
            view.box(Frame(width / 2, float(z)), (-width / 2, height - across, 0),
                     (width / 2, height, 0.14), beam)  # fmt: skip
    standing = furnish(view, rng, size, spans, colours[0])
    if rng.random() < 0.4:  # a lamp that hangs
        here = Frame(rng.uniform(0.35, 0.65) * width, rng.uniform(0.45, 0.75) * depth)
        drop, wide = rng.uniform(0.25, 0.8), rng.uniform(0.12, 0.28)
        cord = plain((0.03, 0.03, 0.03))
        view.ellipsoid(here, (0, height - drop / 2, 0), (0.012, drop / 2, 0.012), cord,
                       upright=True)  # fmt: skip
        on = rng.random() < 0.7
        shade = plain((1.7, 1.5, 1.1) if on else fabric(rng))
        view.ellipsoid(here, (0, height - drop, 0), (wide, wide * rng.uniform(0.5, 1.0), wide),
                       shade, glows=on)  # fmt: skip
    return Scene(size, tuple(standing), tuple(openings))
