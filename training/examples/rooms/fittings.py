"""What is let into a wall or hung on it: windows, doors, pictures, mirrors, shelves, curtains.

A frame of a wall has x along it about the middle, y up, and z out of it into the room.
"""

from __future__ import annotations

import numpy as np

from training.examples.rooms.colours import WHITE, darker, fabric, from_hsv, near, timber
from training.examples.rooms.furniture import Rng
from training.examples.rooms.raster import Colour, Floats, Frame, Texture, View, floats
from training.examples.rooms.textures import (
    books,
    cloud,
    dice,
    look_up,
    mixed,
    panelled,
    plain,
    planks,
    stripes,
)

Span = tuple[float, float, float, float]
"""left, low, right, high on a wall, in metres."""


def outdoors(rng: Rng, width: float, height: float) -> Texture:
    """What a window shows: a bright sky over trees, houses, or a night."""
    kind = rng.random()
    sky: Colour = from_hsv(rng.normal(0.58, 0.03), rng.uniform(0, 0.45), 1.0)
    bright = rng.uniform(0.9, 2.2)
    if kind < 0.15:
        sky, bright = (0.02, 0.03, 0.06), 1.0
    ground = from_hsv(rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.6))
    horizon, rough = rng.uniform(-0.2, 0.6) * height, rng.uniform(0.0, 0.35)
    step = float(rng.choice([0.02, 0.25]))
    shift = rng.uniform(0, 99)

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        edge = np.float32(horizon) + np.float32(rough) * look_up(
            cloud(), u / np.float32(step) + np.float32(shift), np.full_like(u, shift)
        )
        leafy = np.float32(0.6) + np.float32(0.4) * look_up(cloud(), u * 40, v * 40)
        below = mixed((0, 0, 0), ground, np.clip(leafy, 0, 1.5))
        above = mixed(sky, WHITE if kind >= 0.15 else sky, np.clip(1 - v / height, 0, 1) * 0.6)
        seen: Floats = np.where((v < edge)[:, None], below, above) * np.float32(bright)
        return seen

    return texture


def ribs(view: View, frame: Frame, span: Span, columns: int, rows: int, thick: float,
         texture: Texture) -> None:  # fmt: skip
    """A frame with bars that parts a span into columns × rows."""
    left, low, right, high = span
    for x in np.linspace(left, right, columns + 1):
        view.box(frame, (x - thick / 2, low - thick / 2, 0), (x + thick / 2, high + thick / 2,
                 0.03), texture)  # fmt: skip
    for y in np.linspace(low, high, rows + 1):
        view.box(frame, (left, y - thick / 2, 0), (right, y + thick / 2, 0.03), texture)


def window(view: View, frame: Frame, rng: Rng, span: Span, wall: Colour) -> None:
    """Panes, bars, sill; sometimes a blind, curtains, a radiator below."""
    left, low, right, high = span
    width, height = right - left, high - low
    view.box(frame, (left, low, 0), (right, high, 0.004), outdoors(rng, width, height), glows=True)
    bars = plain(
        WHITE if rng.random() < 0.7 else timber(rng) if rng.random() < 0.6 else (0.03,) * 3
    )
    ribs(view, frame, span, max(1, round(width / rng.uniform(0.5, 1.0))), int(rng.integers(1, 3)),
         rng.uniform(0.04, 0.08), bars)  # fmt: skip
    if low > 0.2:
        view.box(frame, (left - 0.08, low - 0.06, 0), (right + 0.08, low - 0.02, 0.14), bars)
    if rng.random() < 0.2:
        drop = rng.uniform(0.2, 0.9) * height
        blind = (near(wall, rng), fabric(rng), WHITE)[rng.integers(3)]
        cover = stripes(blind, darker(blind, 0.75), 0.05, 0.3, level=True)
        view.box(frame, (left, high - drop, 0), (right, high, 0.05), cover)
    if low > 0.6 and rng.random() < 0.4:
        fins = stripes(WHITE, darker(WHITE, 0.6), 0.07, 0.3)
        view.box(frame, (left + 0.1, 0.12, 0.03), (right - 0.1, low - 0.15, 0.13), fins)
    if rng.random() < 0.5:
        curtains(view, frame, rng, span, wall)


def curtains(view: View, frame: Frame, rng: Rng, span: Span, wall: Colour) -> None:
    """A rod and two folded curtains, drawn back more or less."""
    left, low, right, high = span
    colour = near(wall, rng) if rng.random() < 0.35 else fabric(rng)
    fold = rng.uniform(0.07, 0.14)

    def folds(u: Floats, v: Floats, pixel: Floats) -> Floats:
        wave = np.sin(u * np.float32(2 * np.pi / fold) + np.sin(v * 2))
        shown: Floats = floats(colour) * (0.8 + 0.2 * wave[:, None])
        return shown

    top = high + rng.uniform(0.05, 0.2)
    foot = 0.02 if rng.random() < 0.7 else max(0.02, low - 0.15)
    wide = rng.uniform(0.2, 0.45 * (right - left) + 0.2)
    for start in (left - 0.2, right + 0.2 - wide):
        view.box(frame, (start, foot, 0.07), (start + wide, top, 0.14), folds)
    view.box(frame, (left - 0.35, top - 0.02, 0.09), (right + 0.35, top + 0.02, 0.12),
             plain((0.05,) * 3 if rng.random() < 0.5 else timber(rng)))  # fmt: skip


def door(view: View, frame: Frame, rng: Rng, span: Span, wall: Colour) -> None:
    """A leaf in its frame, or a doorway into another room."""
    left, _, right, high = span
    width, height = right - left, high
    colour = (WHITE, timber(rng), near(wall, rng))[rng.choice(3, p=[0.45, 0.35, 0.2])]
    edge = plain(WHITE if rng.random() < 0.6 else colour)
    if rng.random() < 0.3:
        depth = darker(near(wall, rng, 0.3), rng.uniform(0.1, 0.6))
        view.box(frame, (left, 0, 0), (right, high, 0.004), plain(depth, 0.1))
    else:
        dark = darker(colour, 0.6)
        leaf = panelled(colour, dark, int(rng.integers(1, 3)), int(rng.integers(1, 4)), width,
                        height, None)  # fmt: skip
        view.box(frame, (left, 0, 0), (right, high, 0.02), leaf)
        grip = left + 0.08 if rng.random() < 0.5 else right - 0.2
        view.box(frame, (grip, 1.0, 0.02), (grip + 0.12, 1.03, 0.07), plain((0.35,) * 3))
    for x in (left - 0.07, right):
        view.box(frame, (x, 0, 0), (x + 0.07, high + 0.07, 0.035), edge)
    view.box(frame, (left, high, 0), (right, high + 0.07, 0.035), edge)


def canvas(rng: Rng, width: float, height: float, wall: Colour) -> Texture:
    """What a picture shows: fields of colour, a landscape, clouds of paint, stripes, the wall's."""
    kind = rng.integers(5)
    one, two = fabric(rng), fabric(rng)
    shift, scale = rng.uniform(0, 99), rng.uniform(20, 120)
    if kind == 0:
        return outdoors(rng, width, height)
    if kind == 1:
        return stripes(one, two, rng.uniform(0.05, 0.4), rng.uniform(0.2, 0.8))
    if kind == 2:
        return plain(near(wall, rng, 0.2), 0.05)

    def texture(u: Floats, v: Floats, pixel: Floats) -> Floats:
        if kind == 3:
            share = look_up(dice(), u / np.float32(0.17) + np.float32(shift), v / np.float32(0.13))
        else:
            share = look_up(cloud(), u * np.float32(scale), v * np.float32(scale) + shift) + 0.5
        return mixed(one, two, np.clip(share, 0, 1))

    return texture


def picture(view: View, frame: Frame, rng: Rng, span: Span, wall: Colour) -> None:
    """A framed picture, with a mount or without; a mirror or a screen now and then."""
    left, low, right, high = span
    border = rng.uniform(0.0, 0.06)
    rim = (timber(rng), (0.02, 0.02, 0.02), WHITE)[rng.integers(3)]
    kind = rng.random()
    view.box(frame, (left, low, 0), (right, high, 0.025), plain(rim))
    shown = canvas(rng, right - left, high - low, wall)
    if kind < 0.12:  # a screen that is off
        shown, border = plain((0.012, 0.012, 0.015)), 0.015
    elif kind < 0.24:  # a mirror shows another wall
        shown = plain(darker(near(wall, rng, 0.3), rng.uniform(0.5, 1.1)), 0.15, 0.3)
    elif kind < 0.5:
        view.box(frame, (left + border, low + border, 0), (right - border, high - border, 0.027),
                 plain(WHITE))  # fmt: skip
        border += rng.uniform(0.03, 0.1)
    if 2 * border < min(right - left, high - low) - 0.06:
        view.box(frame, (left + border, low + border, 0), (right - border, high - border, 0.03),
                 shown)  # fmt: skip


def shelf(view: View, frame: Frame, rng: Rng, span: Span, wall: Colour) -> None:
    """A board on the wall with books or things on it; a cupboard that hangs now and then."""
    left, low, right, _ = span
    wood = timber(rng)
    if rng.random() < 0.3:
        colour = near(wall, rng) if rng.random() < 0.5 else wood
        front = panelled(colour, darker(colour, 0.4), max(1, round((right - left) / 0.5)), 1,
                         right - left, 0.6, None)  # fmt: skip
        view.box(frame, (left, low, 0), (right, low + 0.6, 0.33), front, plain(colour))
        return
    view.box(frame, (left, low, 0), (right, low + 0.03, 0.24), planks(wood, darker(wood, 0.6),
             0.2, 3.0))  # fmt: skip
    full = rng.uniform(0.3, 0.95) * (right - left)
    spines = books(wood, 9.0, 0.3, 1, 0.25)
    view.box(frame, (left + 0.05, low + 0.03, 0.02), (left + full, low + rng.uniform(0.2, 0.3),
             0.2), spines)  # fmt: skip
