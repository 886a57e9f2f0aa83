"""Light in a drawn room: lamps, windows, sun patches, shadows, dark corners; then a camera."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from training.examples.rooms.furniture import Rng
from training.examples.rooms.raster import Colour, Floats, Point, View, floats
from training.examples.rooms.scene import Footprint, Scene


def warmth(rng: Rng, warm: float) -> Colour:
    """The colour of a light: warm 1 is a bulb's, -1 a blue sky's."""
    much = float(np.clip(rng.normal(warm, 0.3), -1, 1))
    return (1 + 0.18 * much, 1.0, 1 - 0.35 * max(much, 0) + 0.2 * max(-much, 0))


def lit_from(points: Floats, normal: Floats, at: Point, reach: float) -> Floats:
    """(row, column): what a small lamp gives, by its angle and its distance against `reach`."""
    x, y, z = (np.float32(a) - part for a, part in zip(at, points, strict=True))
    squared = x * x + y * y + z * z + np.float32(1e-3)
    facing = (x * normal[0] + y * normal[1] + z * normal[2]) / np.sqrt(squared)
    given: Floats = np.maximum(facing, 0) / (1 + squared / np.float32(reach**2))
    return given


def corners(points: Floats, normal: Floats, size: Point, strength: float) -> Floats:
    """(row, column): less light near the edges where two surfaces meet."""
    total = np.ones(points.shape[1:], dtype=np.float32)
    for part, length, faces in zip(points, size, normal, strict=True):
        distance = np.minimum(part, np.float32(length) - part)
        dark = np.exp(distance * np.float32(-1 / 0.28)) * (1 - np.abs(faces))
        total *= 1 - np.float32(strength) * dark
    return total


def sunshine(points: Floats, normal: Floats, scene: Scene, rng: Rng) -> Floats:
    """(row, column), 0 or 1: where the sun falls through a window with bars."""
    total = np.zeros(points.shape[1:], dtype=np.float32)
    slope, aside = rng.uniform(0.4, 1.6), rng.normal(0, 0.7)
    for opening in scene.openings:
        c, s = np.cos(opening.frame.yaw), np.sin(opening.frame.yaw)
        x, z = points[0] - np.float32(opening.frame.x), points[2] - np.float32(opening.frame.z)
        out = s * x + c * z
        along = c * x - s * z + np.float32(aside) * out
        up = points[1] + np.float32(slope) * out
        left, low, right, high = opening.span
        inside = (along > left) & (along < right) & (up > low) & (up < high) & (out > 0.05)
        pane = np.abs((along - left) / (right - left) * 2 % 1 - 0.5) < 0.46
        # The sun comes down and away from the window.
        way = (-aside * c - s, slope, aside * s - c)
        facing = np.maximum(sum(n * np.float32(w) for n, w in zip(normal, way, strict=True)), 0)
        total = np.maximum(total, (inside & pane) * facing / np.float32(np.hypot(1.0, slope)))
    return total


def shadow(points: Floats, standing: tuple[Footprint, ...], at: Point) -> Floats:
    """(row, column) on 0..1: where a standing piece is between the point and the lamp."""
    shaded = np.zeros(points.shape[1:], dtype=bool)
    for piece in standing:
        c, s = np.float32(np.cos(piece.frame.yaw)), np.float32(np.sin(piece.frame.yaw))
        x, z = points[0] - np.float32(piece.frame.x), points[2] - np.float32(piece.frame.z)
        from_x, from_z = at[0] - piece.frame.x, at[2] - piece.frame.z
        start: tuple[Floats, ...] = (c * x - s * z, points[1], s * x + c * z)
        end = (float(c * from_x - s * from_z), at[1], float(s * from_x + c * from_z))
        enter, leave = np.full_like(x, 0.02), np.ones_like(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            for one, two, low, high in zip(start, end, piece.low, piece.high, strict=True):
                inverse = 1 / (np.float32(two) - one)
                a, b = (np.float32(low) - one) * inverse, (np.float32(high) - one) * inverse
                enter = np.maximum(enter, np.minimum(a, b))
                leave = np.minimum(leave, np.maximum(a, b))
        # A little depth of shade is asked for, so that a piece does not shade its own faces.
        shaded |= leave - enter > 0.03
    dark: Floats = shaded.astype(np.float32)
    return dark


def contact(points: Floats, normal: Floats, standing: tuple[Footprint, ...]) -> Floats:
    """(row, column): the dark line on the floor round what stands on it."""
    total = np.ones(points.shape[1:], dtype=np.float32)
    for piece in standing:
        c, s = np.float32(np.cos(piece.frame.yaw)), np.float32(np.sin(piece.frame.yaw))
        x, z = points[0] - np.float32(piece.frame.x), points[2] - np.float32(piece.frame.z)
        x, z = c * x - s * z, s * x + c * z
        away_x = np.maximum(np.maximum(piece.low[0] - x, x - piece.high[0]), 0)
        away_z = np.maximum(np.maximum(piece.low[2] - z, z - piece.high[2]), 0)
        near = np.exp(-(away_x + away_z + np.abs(points[1])) * np.float32(1 / 0.16))
        total *= 1 - np.float32(0.55) * near * (normal[1] > 0.5)
    return total


def enlarged(small: Floats, size_px: int, blur_px: float) -> Floats:
    """A map on 0..1 at the picture's size, softened."""
    sheet = Image.fromarray((small * 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(blur_px)
    )
    large = np.asarray(sheet.resize((size_px, size_px), Image.Resampling.BILINEAR))
    return large.astype(np.float32) / np.float32(255)


def light(view: View, scene: Scene, rng: Rng) -> Floats:
    """The lit picture, linear, (row, column, 3)."""
    points, normal = view.points(), view.normal
    width, height, depth = scene.size
    half = slice(None, None, 2)
    coarse, coarse_normal = points[:, half, half], normal[:, half, half]
    edge = view.size_px / 256

    # Light from everywhere, a little more from above.
    total = np.full(points.shape[1:], rng.uniform(0.25, 0.6), dtype=np.float32)
    total *= 1 + np.float32(rng.uniform(0.05, 0.3)) * normal[1]
    total *= enlarged(contact(coarse, coarse_normal, scene.standing), view.size_px, 0.5 * edge)
    picture = total[..., None] * floats(warmth(rng, 0.0))

    lamps = [
        ((rng.uniform(0.2, 0.8) * width, rng.uniform(0.75, 0.96) * height,
          rng.uniform(0.15, 0.85) * depth), warmth(rng, 0.5), rng.uniform(0.3, 1.1))
        for _ in range(int(rng.integers(1, 3)))
    ]  # fmt: skip
    for opening in scene.openings[:2]:
        left, low, right, high = opening.span
        middle = opening.frame.world((left + right) / 2, (low + high) / 2, 0.3)
        lamps.append((middle, warmth(rng, -0.4), rng.uniform(0.2, 0.9)))
    if rng.random() < 0.35:  # a spot that washes a wall from close by
        close = (rng.choice([0.06, 0.94]) * width, rng.uniform(0.3, 0.95) * height,
                 rng.uniform(0.4, 0.97) * depth)  # fmt: skip
        lamps.append((close, warmth(rng, 0.8), rng.uniform(0.4, 1.2)))
    for number, (at, colour, power) in enumerate(lamps):
        reach = rng.uniform(1.2, 3.5) if number < len(lamps) - 1 else rng.uniform(0.6, 3.0)
        given = np.float32(power) * lit_from(points, normal, at, reach)
        if number < 2 and scene.standing:
            dark = shadow(coarse, scene.standing, at)
            soft = enlarged(dark, view.size_px, rng.uniform(0.4, 3.0) * edge)
            given = given * (1 - np.float32(rng.uniform(0.5, 0.95)) * soft)
        picture += given[..., None] * floats(colour)
    if scene.openings and rng.random() < 0.5:
        picture += (np.float32(rng.uniform(0.4, 1.6)) * sunshine(points, normal, scene, rng))[
            ..., None
        ] * floats((1.1, 1.0, 0.85))
    picture *= corners(points, normal, scene.size, rng.uniform(0.1, 0.5))[..., None]
    lit: Floats = np.where(view.glows[..., None], 1, picture) * view.colour
    return lit


def photograph(linear: Floats, size_px: int, rng: Rng) -> Image.Image:
    """What a camera makes of the light: exposure, white balance, vignette, blur, noise.

    linear: (row, column, 3), drawn larger; returns RGB of size_px.
    """
    factor = linear.shape[0] // size_px
    small = linear.reshape(size_px, factor, size_px, factor, 3).mean(axis=(1, 3))
    level = float(np.quantile(small.mean(axis=2), 0.75)) + 1e-3
    small = small * np.float32(rng.uniform(0.28, 0.8) / level)
    small *= floats(warmth(rng, 0.15))
    ends = np.linspace(-1, 1, size_px, dtype=np.float32)
    away = ends[:, None] ** 2 + ends[None, :] ** 2
    small *= (1 - np.float32(rng.uniform(0, 0.18)) * away)[..., None]
    if rng.random() < 0.4:
        grain = rng.standard_normal(small.shape, dtype=np.float32)
        small = small + np.float32(rng.uniform(0.003, 0.02)) * grain
    # A soft shoulder keeps bright windows from clipping hard.
    small = np.maximum(small, 0)
    small = small * (1 + small / 4) / (1 + small / 1.6)
    screen = np.clip(small, 0, 1) ** np.float32(1 / 2.2)
    if rng.random() < 0.5:
        noise = rng.standard_normal(screen.shape, dtype=np.float32)
        screen = screen + np.float32(rng.uniform(0.004, 0.03)) * noise
    picture = Image.fromarray((np.clip(screen, 0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9) * size_px / 128))
    return picture
