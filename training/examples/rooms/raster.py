"""A pin-hole camera inside a room: what each pixel sees, how far away, and which way it faces.

Metres; x to the right, y up, z ahead; the room's corner is the origin. Arrays are (row, column),
float32. Solids are drawn in any order: what is nearer wins, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
Point = tuple[float, float, float]
Texture = Callable[[Floats, Floats, Floats], Floats]
"""(u, v, pixel) in metres, each (n,), to linear colours (n, 3).

pixel: how wide a pixel is there; patterns finer than it fade into their mean.
"""

NEAREST = 0.05
"""Nothing nearer to the camera than this is drawn, in metres."""


def floats(values: Sequence[float]) -> Floats:
    """A colour or a point as an array."""
    array: Floats = np.asarray(values, dtype=np.float32)
    return array


@dataclass(frozen=True)
class Camera:
    """at: where it is, in metres · yaw, pitch, roll in radians, 0 looking along z · reach: the
    tangent of half the angle of view.
    """

    at: Point
    yaw: float
    pitch: float
    roll: float
    reach: float

    def axes(self) -> Floats:
        """The camera's right, up and ahead as the columns of a matrix (3, 3)."""
        cy, sy, cp, sp, cr, sr = (
            function(angle)
            for angle in (self.yaw, self.pitch, self.roll)
            for function in (np.cos, np.sin)
        )
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        tilt = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        axes: Floats = (turn @ tilt @ lean).astype(np.float32)
        return axes


@dataclass(frozen=True)
class Frame:
    """Where a piece stands: its origin on the floor, and how it is turned, in radians."""

    x: float
    z: float
    yaw: float = 0.0

    def world(self, x: float, y: float, z: float) -> Point:
        """A point of the piece's own as one of the room's."""
        c, s = float(np.cos(self.yaw)), float(np.sin(self.yaw))
        return self.x + c * x + s * z, y, self.z - s * x + c * z


class View:
    """The picture as it is drawn.

    depth: the distance ahead · colour: linear, (row, column, 3) · normal: (3, row, column) ·
    wall: whether a wall's surface is seen · glows: whether the colour needs no light.
    """

    def __init__(self, camera: Camera, size_px: int) -> None:
        self.camera, self.size_px = camera, size_px
        self.axes = camera.axes()
        steps = ((np.arange(size_px, dtype=np.float32) + 0.5) * 2 / size_px - 1) * camera.reach
        self.rays = np.stack(
            [
                row[0] * steps[None, :] - row[1] * steps[:, None] + row[2]
                for row in self.axes
            ]
        ).astype(np.float32)  # fmt: skip
        self.pixel = np.float32(2 * camera.reach / size_px)
        shape = (size_px, size_px)
        self.depth = np.full(shape, np.inf, dtype=np.float32)
        self.colour = np.zeros((*shape, 3), dtype=np.float32)
        self.normal = np.zeros((3, *shape), dtype=np.float32)
        self.wall = np.zeros(shape, dtype=bool)
        self.glows = np.zeros(shape, dtype=bool)
        self._turned_rays: dict[float, tuple[Floats, Floats]] = {}

    def project(self, points: Sequence[Point]) -> Floats:
        """(point, 3): column and row in pixels, and the distance ahead."""
        seen = (np.asarray(points, dtype=np.float32) - floats(self.camera.at)) @ self.axes
        ahead = np.maximum(seen[:, 2], 1e-6)
        scale = self.size_px / (2 * self.camera.reach)
        middle = self.size_px / 2
        return np.stack(
            [middle + scale * seen[:, 0] / ahead, middle - scale * seen[:, 1] / ahead, seen[:, 2]],
            axis=1,
        )

    def window(self, corners: Sequence[Point]) -> tuple[slice, slice] | None:
        """The rows and columns that a solid with these corners may touch; none if out of sight."""
        places = self.project(corners)
        if (places[:, 2] < NEAREST).all():
            return None
        if (places[:, 2] < NEAREST).any():
            return slice(0, self.size_px), slice(0, self.size_px)
        low = np.clip(np.floor(places[:, :2].min(axis=0)), 0, self.size_px).astype(int)
        high = np.clip(np.ceil(places[:, :2].max(axis=0)), 0, self.size_px).astype(int)
        if (low >= high).any():
            return None
        return slice(low[1], high[1]), slice(low[0], high[0])

    def room(self, size: Point) -> tuple[NDArray[np.int8], Floats]:
        """Look at the box room from inside: sets depth, normals and walls.

        Returns which axis the surface seen is across, (row, column), and the points seen,
        (3, row, column). The far side of an axis is where the ray runs up it.
        """
        with np.errstate(divide="ignore"):
            ways = np.stack(
                [
                    # A ray along a wall never meets it: one over an unsigned zero.
                    (np.where(ray > 0, np.float32(length), np.float32(0)) - np.float32(at))
                    / np.where(ray == 0, np.float32(-0.0), ray)
                    for ray, length, at in zip(self.rays, size, self.camera.at, strict=True)
                ]
            )
        axis = ways.argmin(axis=0).astype(np.int8)
        self.depth = ways.min(axis=0)
        for number in range(3):
            facing = axis == number
            self.normal[number][facing] = -np.sign(self.rays[number][facing])
        self.wall = axis != 1
        return axis, self.points()

    def points(self) -> Floats:
        """(3, row, column): where what is seen lies."""
        at = floats(self.camera.at)[:, None, None]
        seen: Floats = at + self.depth * self.rays
        return seen

    def put(
        self, window: tuple[slice, slice], hit: NDArray[np.bool_], depth: Floats, normal: Floats,
        colour: Floats, *, wall: bool = False, glows: bool = False,
    ) -> None:  # fmt: skip
        """Write what is nearer: hit and depth over the window, normal (3, n) and colour (n, 3)."""
        self.depth[window][hit] = depth[hit]
        self.colour[window][hit] = colour
        for number in range(3):
            self.normal[number][window][hit] = normal[number]
        self.wall[window][hit] = wall
        self.glows[window][hit] = glows

    def _local(
        self, frame: Frame, window: tuple[slice, slice]
    ) -> tuple[Point, list[Floats], list[Floats]]:
        """The camera, its rays and one over them, as the frame sees them."""
        c, s = np.float32(np.cos(frame.yaw)), np.float32(np.sin(frame.yaw))
        if frame.yaw not in self._turned_rays:  # most pieces share the yaw of a wall
            x, y, z = self.rays
            turned: Floats = np.stack([c * x - s * z, y, s * x + c * z])
            with np.errstate(divide="ignore"):
                self._turned_rays[frame.yaw] = turned, np.float32(1) / turned
        rays, inverse = self._turned_rays[frame.yaw]
        ax, ay, az = self.camera.at
        ax, az = ax - frame.x, az - frame.z
        at = float(c * ax - s * az), ay, float(s * ax + c * az)
        return at, [ray[window] for ray in rays], [part[window] for part in inverse]

    def box(
        self, frame: Frame, low: Point, high: Point, front: Texture, sides: Texture | None = None,
        *, wall: bool = False, glows: bool = False,
    ) -> None:  # fmt: skip
        """A box of the frame, from corner to corner; front is what its ±z faces show."""
        corners = [frame.world(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1])
                   for z in (low[2], high[2])]  # fmt: skip
        window = self.window(corners)
        if window is None:
            return
        at, rays, inverse = self._local(frame, window)
        near, far = [], []
        with np.errstate(invalid="ignore"):
            for number in range(3):
                one = np.float32(low[number] - at[number]) * inverse[number]
                two = np.float32(high[number] - at[number]) * inverse[number]
                near.append(np.minimum(one, two))
                far.append(np.maximum(one, two))
        enter: Floats = np.maximum(np.maximum(near[0], near[1]), near[2])
        leave: Floats = np.minimum(np.minimum(far[0], far[1]), far[2])
        hit = (enter < leave) & (enter > NEAREST) & (enter < self.depth[window])
        if not hit.any():
            return
        t = enter[hit]
        side = np.where(near[0][hit] == t, 0, np.where(near[1][hit] == t, 1, 2))
        ray = [part[hit] for part in rays]
        place = [t * part + np.float32(a - b) for part, a, b in zip(ray, at, low, strict=True)]
        across = side == 0
        u = np.where(across, place[2], place[0])
        v = np.where(side == 1, place[2], place[1])
        pixel = t * self.pixel
        colour = np.empty((len(t), 3), dtype=np.float32)
        faces = side == 2
        if sides is None or faces.all():
            colour[:] = front(u, v, pixel)
        else:
            colour[faces] = front(u[faces], v[faces], pixel[faces])
            rest = ~faces
            colour[rest] = sides(u[rest], v[rest], pixel[rest])
        signs = [-np.sign(ray[n]) * (side == n) for n in range(3)]
        self.put(window, hit, enter, _turned(signs, frame.yaw), colour, wall=wall, glows=glows)

    def ellipsoid(
        self, frame: Frame, middle: Point, radii: Point, texture: Texture, *,
        upright: bool = False, glows: bool = False,
    ) -> None:  # fmt: skip
        """An ellipsoid, or, upright, the cylinder of the same extents (without its lids)."""
        corners = [
            frame.world(*(m + sign * r for m, sign, r in zip(middle, signs, radii, strict=True)))
            for signs in np.ndindex(2, 2, 2)
            for signs in [tuple(2 * s - 1 for s in signs)]
        ]
        window = self.window(corners)
        if window is None:
            return
        at, rays, _ = self._local(frame, window)
        used = (0, 2) if upright else (0, 1, 2)
        from_middle = {n: (at[n] - middle[n]) / radii[n] for n in used}
        scaled = {n: rays[n] / np.float32(radii[n]) for n in used}
        a: Floats = sum(scaled[n] ** 2 for n in used)  # type: ignore[assignment]
        b: Floats = sum(scaled[n] * np.float32(from_middle[n]) for n in used)  # type: ignore[assignment]
        c = np.float32(sum(from_middle[n] ** 2 for n in used) - 1)
        under = b * b - a * c
        with np.errstate(invalid="ignore", divide="ignore"):
            depth = (-b - np.sqrt(np.maximum(under, 0))) / a
        hit = (under > 0) & (depth > NEAREST) & (depth < self.depth[window])
        if upright:
            height = at[1] + depth * rays[1]
            hit &= np.abs(height - middle[1]) < radii[1]
        if not hit.any():
            return
        t = depth[hit]
        place = [np.float32(at[n] - middle[n]) + t * rays[n][hit] for n in range(3)]
        normal: list[Floats] = [
            place[n] / np.float32(radii[n] ** 2) if n in used else 0 * t for n in range(3)
        ]
        length: Floats = np.sqrt(sum(part * part for part in normal))
        angle = np.arctan2(place[0], place[2]) * np.float32(max(radii[0], radii[2]))
        colour = texture(angle, place[1] + np.float32(radii[1]), t * self.pixel)
        turned = _turned([part / length for part in normal], frame.yaw)
        self.put(window, hit, depth, turned, colour, glows=glows)

    def leaves(self, outlines: Sequence[Sequence[Point]], colours: Sequence[Colour]) -> None:
        """Flat leaves, each a polygon of the room's points, all as deep as their middle."""
        middle = np.mean([np.mean(outline, axis=0) for outline in outlines], axis=0)
        depth = float(self.project([tuple(middle)])[0, 2])
        if depth < 0.4:
            return
        sheet = Image.new("I", (self.size_px, self.size_px))
        draw = ImageDraw.Draw(sheet)
        for number, outline in enumerate(outlines):
            places = self.project(outline)
            if (places[:, 2] > NEAREST).all():
                draw.polygon([(float(x), float(y)) for x, y, _ in places], fill=number + 1)
        drawn = np.asarray(sheet)
        hit = (drawn > 0) & (self.depth > depth)
        if not hit.any():
            return
        everything = slice(0, self.size_px), slice(0, self.size_px)
        count = int(hit.sum())
        up = np.zeros((3, count), dtype=np.float32)
        up[1] = 1
        colour = np.asarray(colours, dtype=np.float32)[drawn[hit] - 1]
        self.put(everything, hit, np.full_like(self.depth, depth), up, colour)


def _turned(normal: Sequence[Floats], yaw: float) -> Floats:
    """Normals of a frame as the room's, (3, n)."""
    c, s = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    x, y, z = normal
    return np.stack([c * x + s * z, y, c * z - s * x])
