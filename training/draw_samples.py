"""Make the pictures of frontend/samples: photos re-encoded from scikit-image's data folder, and
pictures drawn here.

    python -m training.draw_samples FOLDER_OF_SKIMAGE_DATA frontend/samples
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from training.examples.rooms import draw_room

PHOTOS = {
    "chelsea.png": 96,
    "coffee.png": 88,
    "astronaut.png": 88,
    "rocket.jpg": 85,
    "camera.png": 88,
}
"""File name → JPEG quality."""

ROOMS = {
    "room_bedroom.jpg": 2_000_009,
    "room_reading.jpg": 2_000_011,
    "room_bricks.jpg": 2_000_005,
}
"""File name → seed; no network learns from these, nor is it chosen by them."""

FINER = 4
"""Drawn this many times larger, then reduced: smooth edges."""

Point = tuple[float, float]
Colour = tuple[int, int, int]

# Strokes of digits in a unit square, y down.
STROKES: dict[str, list[list[Point]]] = {
    "4": [[(0.62, 0.0), (0.18, 0.62), (0.86, 0.62)], [(0.64, 0.3), (0.6, 1.0)]],
    "7": [[(0.16, 0.06), (0.84, 0.04), (0.6, 0.45), (0.42, 1.0)]],
    "2": [[(0.2, 0.2), (0.36, 0.03), (0.66, 0.03), (0.8, 0.24), (0.62, 0.52), (0.2, 0.94),
           (0.5, 0.93), (0.86, 0.96)]],
}  # fmt: skip


def digit(name: str, angle_deg: float, scale: float, centre: Point, seed: int) -> Image.Image:
    """A white digit, turned and moved, on a cluttered black 60×60 canvas, shown 6 times larger."""
    side, rng = 60 * FINER, random.Random(seed)
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    angle = math.radians(angle_deg)

    def place(point: Point) -> Point:
        x, y = (point[0] - 0.5) * 20 * scale, (point[1] - 0.5) * 20 * scale
        x, y = _turn(x, y, angle)
        return (centre[0] + x) * FINER, (centre[1] + y) * FINER

    for stroke in STROKES[name]:
        _line(draw, [place(point) for point in stroke], round(3.1 * scale * FINER), 255)
    for _ in range(5):  # clutter: short strokes such as digits are made of, away from the digit
        while True:
            x, y = rng.uniform(5, 55), rng.uniform(5, 55)
            if math.dist((x, y), centre) > 17 * scale:
                break
        bend = rng.uniform(0, 2 * math.pi)
        end = x + 4 * math.cos(bend), y + 4 * math.sin(bend)
        far = end[0] + 3 * math.cos(bend + 1), end[1] + 3 * math.sin(bend + 1)
        points = [(px * FINER, py * FINER) for px, py in ((x, y), end, far)]
        _line(draw, points, round(2.2 * FINER), rng.randint(170, 255))
    small = canvas.resize((60, 60), Image.Resampling.BOX)
    return small.resize((360, 360), Image.Resampling.NEAREST)


def _turn(x: float, y: float, angle: float) -> Point:
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _line(draw: ImageDraw.ImageDraw, points: list[Point], width: int, ink: int) -> None:
    draw.line(points, fill=ink, width=width, joint="curve")
    for x, y in points:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)


def sunflower() -> Image.Image:
    """A sunflower against the sky."""
    width, height, rng = 480 * FINER, 360 * FINER, random.Random(3)
    picture = _vertical(width, height, (96, 152, 214), (206, 226, 240))
    draw = ImageDraw.Draw(picture)
    for _ in range(260):  # grass
        x, tall = rng.uniform(0, width), rng.uniform(0.08, 0.26) * height
        green = (rng.randint(40, 90), rng.randint(105, 150), rng.randint(35, 60))
        lean = rng.uniform(-0.3, 0.3) * tall
        draw.polygon([(x - 7, height), (x + 7, height), (x + lean, height - tall)], fill=green)
    cx, cy = 0.52 * width, 0.43 * height
    draw.line([(cx, cy), (cx - 12, height)], fill=(74, 118, 46), width=11 * FINER)
    for side, y in ((-1, 0.84), (1, 0.92)):
        turn = (0.32 * side - 0.5) * math.pi
        leaf = _petal(cx, y * height, turn, 0.3 * height, 0.11 * height)
        draw.polygon(leaf, fill=(84, 134, 52))
    for ring, (count, length, colour) in enumerate(
        ((21, 0.34, (226, 150, 16)), (21, 0.315, (246, 186, 28)), (17, 0.27, (252, 205, 60)))
    ):
        for i in range(count):
            turn = 2 * math.pi * (i + 0.5 * ring) / count + rng.uniform(-0.06, 0.06)
            draw.polygon(_petal(cx, cy, turn, length * height, 0.055 * height), fill=colour)
    radius = 0.155 * height
    draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=(66, 38, 18))
    for i in range(420):  # seeds on Vogel's spiral
        turn, out = i * math.radians(137.508), radius * 0.97 * math.sqrt(i / 420)
        x, y, size = cx + out * math.cos(turn), cy + out * math.sin(turn), 2.0 * FINER
        brown = rng.randint(70, 150)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=(brown, int(brown * 0.62), 26))
    return _finish(picture, rng)


def stop_sign() -> Image.Image:
    """A stop sign beside a road."""
    width, height, rng = 480 * FINER, 360 * FINER, random.Random(8)
    picture = _vertical(width, height, (138, 178, 220), (226, 232, 236))
    draw = ImageDraw.Draw(picture)
    for _ in range(150):  # trees
        x, y = rng.uniform(0, width), rng.uniform(0.42, 0.62) * height
        size = rng.uniform(16, 40) * FINER
        green = (rng.randint(38, 80), rng.randint(84, 122), rng.randint(40, 62))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=green)
    draw.rectangle((0, 0.66 * height, width, height), fill=(104, 138, 74))
    road = [(0.3, 1.0), (0.49, 0.66), (0.53, 0.66), (0.95, 1.0)]
    draw.polygon([(x * width, y * height) for x, y in road], fill=(96, 96, 100))
    for near, far in ((0.68, 0.7), (0.74, 0.79), (0.86, 0.98)):
        half = 0.02 * (near - 0.62) * width
        x = 0.51 * width + (near - 0.66) * 0.33 * width
        draw.polygon(
            [
                (x - half, near * height),
                (x + half, near * height),
                (x + 3 * half, far * height),
                (x, far * height),
            ],
            fill=(222, 214, 190),
        )
    cx, cy, radius = 0.3 * width, 0.36 * height, 0.235 * height
    draw.rectangle((cx - 5 * FINER, cy, cx + 5 * FINER, 0.98 * height), fill=(134, 138, 142))
    for size, colour in ((1.0, (244, 244, 242)), (0.93, (188, 24, 32))):
        corners = [(cx + size * radius * math.cos(a), cy + size * radius * math.sin(a))
                   for a in (math.radians(22.5 + 45 * k) for k in range(8))]  # fmt: skip
        draw.polygon(corners, fill=colour)
    _word(draw, "STOP", cx, cy, 0.32 * radius, 0.62 * radius)
    return _finish(picture, rng)


LETTERS: dict[str, list[list[Point]]] = {
    "S": [[(0.95, 0.14), (0.7, 0.0), (0.3, 0.0), (0.05, 0.18), (0.12, 0.4), (0.85, 0.58),
           (0.95, 0.82), (0.7, 1.0), (0.3, 1.0), (0.05, 0.86)]],
    "T": [[(0.0, 0.0), (1.0, 0.0)], [(0.5, 0.0), (0.5, 1.0)]],
    "O": [[(0.3, 0.0), (0.7, 0.0), (0.95, 0.25), (0.95, 0.75), (0.7, 1.0), (0.3, 1.0),
           (0.05, 0.75), (0.05, 0.25), (0.3, 0.0)]],
    "P": [[(0.1, 1.0), (0.1, 0.0), (0.7, 0.0), (0.95, 0.15), (0.95, 0.4), (0.7, 0.55),
           (0.1, 0.55)]],
}  # fmt: skip


def _word(
    draw: ImageDraw.ImageDraw, word: str, cx: float, cy: float, wide: float, tall: float
) -> None:
    step = wide * 1.32
    left = cx - step * (len(word) - 1) / 2 - wide / 2
    for i, letter in enumerate(word):
        for stroke in LETTERS[letter]:
            points = [(left + i * step + x * wide, cy + (y - 0.5) * tall) for x, y in stroke]
            draw.line(points, fill=(246, 246, 244), width=round(0.15 * tall), joint="curve")


def _petal(x: float, y: float, turn: float, length: float, half_width: float) -> list[Point]:
    """A pointed oval from (x, y) outwards."""
    outline = []
    for side in (1, -1):
        for i in range(13):
            t = i / 12 if side == 1 else 1 - i / 12
            along, across = length * t, side * half_width * math.sin(math.pi * t**0.8)
            dx, dy = _turn(along, across, turn)
            outline.append((x + dx, y + dy))
    return outline


def _vertical(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    """A sky: one colour running into another."""
    column = Image.new("RGB", (1, height))
    for y in range(height):
        part = y / (height - 1)
        mixed = [round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True)]
        column.putpixel((0, y), tuple(mixed))
    return column.resize((width, height))


def _finish(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Reduced, with a little grain, so that flat areas are not perfectly flat."""
    size = picture.width // FINER, picture.height // FINER
    small = picture.resize(size, Image.Resampling.LANCZOS)
    noise = bytes(rng.randint(116, 140) for _ in range(size[0] * size[1]))
    grain = Image.frombytes("L", size, noise)
    grain = grain.filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
    return Image.blend(small, grain, 0.08)


def sign(turn: float, seed: int) -> Image.Image:
    """No entry: a bar on a red disc, small, turned and away from the middle, before trees."""
    side, rng = 160 * FINER, random.Random(seed)
    picture = _vertical(side, side, (150, 186, 222), (222, 228, 230))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, size = rng.uniform(0, side), rng.uniform(0.6, 1.05) * side, rng.uniform(8, 22) * FINER
        green = (rng.randint(38, 80), rng.randint(84, 122), rng.randint(40, 62))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=green)
    cx, cy, radius = rng.uniform(0.4, 0.6) * side, rng.uniform(0.4, 0.55) * side, 0.3 * side
    draw.rectangle((cx - 4 * FINER, cy, cx + 4 * FINER, side), fill=(134, 138, 142))
    for size, colour in ((1.0, (244, 244, 242)), (0.93, (186, 22, 34))):
        reach = size * radius
        draw.ellipse((cx - reach, cy - reach, cx + reach, cy + reach), fill=colour)
    bar = [(-0.68, -0.16), (0.68, -0.16), (0.68, 0.16), (-0.68, 0.16)]
    corners = [_turn(x * radius, y * radius, math.radians(turn)) for x, y in bar]
    draw.polygon([(cx + x, cy + y) for x, y in corners], fill=(246, 246, 244))
    return _finish(picture, rng)


def priority(turn: float, seed: int) -> Image.Image:
    """Priority road: a yellow square on its corner, before the sky."""
    side, rng = 160 * FINER, random.Random(seed)
    picture = _vertical(side, side, (120, 150, 190), (206, 214, 220))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0.78 * side, side, side), fill=(104, 126, 84))
    cx, cy, radius = rng.uniform(0.42, 0.58) * side, rng.uniform(0.38, 0.5) * side, 0.33 * side
    draw.rectangle((cx - 4 * FINER, cy, cx + 4 * FINER, side), fill=(134, 138, 142))
    for size, colour in ((1.0, (40, 40, 42)), (0.96, (244, 244, 242)), (0.68, (236, 178, 20))):
        corners = [_turn(0.0, size * radius, math.radians(turn + 90 * k)) for k in range(4)]
        draw.polygon([(cx + x, cy + y) for x, y in corners], fill=colour)
    return _finish(picture, rng)


def room(seed: int) -> Image.Image:
    """A room like those that the wall finder learns from, larger."""
    return Image.fromarray(draw_room(seed, 384)[0])


def main(source: Path, target: Path) -> None:
    """Make every sample anew."""
    for name, quality in PHOTOS.items():
        photo = Image.open(source / name).convert("RGB")
        subsampling = 0 if quality > 90 else 2
        file = target / f"{Path(name).stem}.jpg"
        photo.save(file, quality=quality, optimize=True, subsampling=subsampling)
    sunflower().save(target / "sunflower.jpg", quality=88, optimize=True)
    stop_sign().save(target / "stop_sign.jpg", quality=88, optimize=True)
    sign(14, seed=3).save(target / "sign_no_entry.png", optimize=True)
    priority(-9, seed=6).save(target / "sign_priority.png", optimize=True)
    for name, seed in ROOMS.items():
        room(seed).save(target / name, quality=84, optimize=True)
    digit("4", 62, 1.1, (24, 34), seed=5).save(target / "digit_turned.png", optimize=True)
    digit("7", -38, 0.78, (40, 22), seed=11).save(target / "digit_small.png", optimize=True)
    digit("2", -75, 1.0, (30, 38), seed=21).save(target / "digit_fallen.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
