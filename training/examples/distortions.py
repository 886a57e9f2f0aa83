"""Distortions of a digit on a larger canvas: those of Jaderberg et al. 2015 and a harder one.

Every distortion is a sampling grid: for each pixel of the canvas, the source point in the digit.
All randomness comes from the given generator, on the CPU, so it is the same everywhere; the much
larger grids are computed on the device.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CANVAS_PX = 60
DIGIT_PX = 28
FRAGMENTS = 6
FRAGMENT_PX = (5, 10)
"""Maximum number of clutter squares, each of random size."""

ZOOM = CANVAS_PX / DIGIT_PX
"""Canvas width over digit width: the grid of an undistorted, centred digit."""

CORNER_SHIFT = 0.45
"""Maximum shift of a corner of the digit's square in perspective, in half-widths of the digit."""

BEND_PX = 5.0
"""Maximum shift of a knot of the elastic sheet, in pixels of the digit."""

KNOTS = 4


@dataclass(frozen=True)
class Distortion:
    """grid: number of digits → (batch, 60, 60, 2) points on the device, and the theta of the
    transformer that shows the digit upright and whole, (batch, 2, 3), if an affine one can.
    clutter: whether fragments of other digits lie around.
    """

    grid: Callable[[int, torch.Generator, torch.device], tuple[Tensor, Tensor | None]]
    clutter: bool = False


def similarity(
    turn_deg: float, scales: tuple[float, float], moves: bool
) -> Callable[[int, torch.Generator, torch.device], tuple[Tensor, Tensor]]:
    """Rotated by up to turn_deg either way, scaled within scales, moved within the canvas."""

    def grid(count: int, generator: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
        uniform = torch.rand((4, count), generator=generator).to(device)
        turn = math.radians(turn_deg) * (2 * uniform[0] - 1)
        scale = scales[0] + (scales[1] - scales[0]) * uniform[1]
        # Maximum shift of the centre, in canvas half-widths, that keeps the digit's ink inside.
        room = (CANVAS_PX - DIGIT_PX * scale) / CANVAS_PX if moves else torch.zeros_like(scale)
        shift_x, shift_y = room * (2 * uniform[2] - 1), room * (2 * uniform[3] - 1)
        # From a canvas point to its source point in the digit.
        zoom = ZOOM / scale
        cosine, sine = zoom * turn.cos(), zoom * turn.sin()
        theta = affine(
            (cosine, sine, -cosine * shift_x - sine * shift_y),
            (-sine, cosine, sine * shift_x - cosine * shift_y),
        )
        cosine, sine = turn.cos() / zoom, turn.sin() / zoom
        truth = affine((cosine, -sine, shift_x), (sine, cosine, shift_y))
        return F.affine_grid(theta, canvas_shape(count), align_corners=False), truth

    return grid


def perspective(
    count: int, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, None]:
    """The digit's square in perspective: each corner moves independently."""
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    moved = corners + CORNER_SHIFT * (2 * torch.rand((count, 4, 2), generator=generator) - 1)
    homography = homographies(moved / ZOOM, corners.expand(count, -1, -1)).to(device)
    straight = torch.eye(2, 3, device=device).unsqueeze(0)
    points = F.affine_grid(straight, canvas_shape(1), align_corners=False)
    homogeneous = F.pad(points, (0, 1), value=1.0).view(1, -1, 3) @ homography.transpose(1, 2)
    # A point at or behind the eye shows nothing.
    depth = homogeneous[..., 2:]
    seen = torch.where(depth > 0.05, homogeneous[..., :2] / depth, 9.0)
    return seen.view(count, CANVAS_PX, CANVAS_PX, 2), None


def elastic(count: int, generator: torch.Generator, device: torch.device) -> tuple[Tensor, None]:
    """The digit on a rubber sheet whose knots move at random."""
    knots = 2 * torch.rand((count, 2, KNOTS, KNOTS), generator=generator).to(device) - 1
    bend = F.interpolate(knots, size=(DIGIT_PX, DIGIT_PX), mode="bicubic", align_corners=True)
    margin = (CANVAS_PX - DIGIT_PX) // 2
    sheet = F.pad(bend, (margin,) * 4, mode="replicate").permute(0, 2, 3, 1)
    straight = ZOOM * torch.eye(2, 3, device=device).expand(count, -1, -1)
    grid = F.affine_grid(straight, canvas_shape(count), align_corners=False)
    return grid + sheet * 2 * BEND_PX / DIGIT_PX, None


DISTORTIONS: dict[str, Distortion] = {
    "rotation": Distortion(similarity(90.0, (1.0, 1.0), moves=False)),
    "rotation_scale_translation": Distortion(similarity(45.0, (0.7, 1.2), moves=True)),
    "projective": Distortion(perspective),
    "elastic": Distortion(elastic),
    "cluttered": Distortion(similarity(90.0, (0.7, 1.2), moves=True), clutter=True),
}


def canvas_shape(count: int) -> list[int]:
    """Of so many canvases."""
    return [count, 1, CANVAS_PX, CANVAS_PX]


def affine(top: tuple[Tensor, ...], bottom: tuple[Tensor, ...]) -> Tensor:
    """(batch, 2, 3) from the six entries, each (batch,)."""
    return torch.stack([torch.stack(top, dim=1), torch.stack(bottom, dim=1)], dim=1)


def homographies(sources: Tensor, targets: Tensor) -> Tensor:
    """The (batch, 3, 3) that send four points to four points; points: (batch, 4, 2), (x, y)."""
    x, y = sources.unbind(2)
    u, v = targets.unbind(2)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    rows_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=2)
    rows_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=2)
    solved = torch.linalg.solve(torch.cat([rows_u, rows_v], dim=1), torch.cat([u, v], dim=1))
    return F.pad(solved, (0, 1), value=1.0).view(-1, 3, 3)


def clutter(digits: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Canvases with small squares cut from random digits.

    One in five of the FRAGMENTS is omitted at random. digits: uint8 (digit, 1, 28, 28) · returns
    (count, 1, 60, 60) on 0..1.
    """
    device = digits.device
    uniform = torch.rand((7, count, FRAGMENTS, 1, 1), generator=generator).to(device)
    smallest, largest = FRAGMENT_PX
    reach = torch.arange(largest, device=device)

    def corner(share: Tensor, size_px: int) -> Tensor:
        return (share * (size_px - largest + 1)).long()

    rows, columns = reach.view(-1, 1), reach.view(1, -1)
    source = (uniform[0] * len(digits)).long()
    cut = digits[
        source, 0, corner(uniform[1], DIGIT_PX) + rows, corner(uniform[2], DIGIT_PX) + columns
    ]
    side = smallest + (uniform[5] * (largest - smallest + 1)).long()
    kept = (rows < side) & (columns < side) & (uniform[6] < 0.8)
    cut = cut * kept
    # Where fragments overlap, the brighter ink stays.
    place = (corner(uniform[3], CANVAS_PX) + rows) * CANVAS_PX
    place = place + corner(uniform[4], CANVAS_PX) + columns
    canvas = torch.zeros(count, CANVAS_PX**2, device=device)
    canvas.scatter_reduce_(1, place.flatten(1), cut.flatten(1) / 255, "amax")
    return canvas.view(canvas_shape(count))


def draw(
    digits: Tensor, others: Tensor, generator: torch.Generator, distortion: str = "cluttered"
) -> tuple[Tensor, Tensor | None]:
    """Distorted digits: uint8 (batch, 1, 28, 28) to float canvases (batch, 1, 60, 60) on 0..1.

    others: uint8 (digit, 1, 28, 28), the source of the clutter. Also returns the digits' thetas, as
    `Distortion.grid` does.
    """
    wanted = DISTORTIONS[distortion]
    grid, truth = wanted.grid(len(digits), generator, digits.device)
    canvases = F.grid_sample(digits.float() / 255, grid, align_corners=False)
    if wanted.clutter:
        canvases = torch.maximum(canvases, clutter(others, len(digits), generator))
    return canvases, truth
