"""Whether a transformer's window lies on the digit; the ground truth is known by construction."""

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import (
    ComposedSpatialTransformer,
    SpatialTransformer,
)
from training.examples.data import Examples
from training.examples.distortions import CANVAS_PX, draw
from training.loop.task import Task
from training.tasks.digits import normalise

FINER = 2
"""Overlaps are counted on points this many times denser than the canvas's pixels."""

AT_ONCE = 250
"""Number of windows whose points are in memory together."""

CENTRE_WIDTH = 0.5
"""The baseline window, at the centre: its size in canvas widths."""


def inside(theta: Tensor, points: Tensor) -> Tensor:
    """Which points lie in the parallelograms that the thetas sample: bool (batch, point).

    theta: (batch, 2, 3), from the unit square to the canvas · points: (point, 2) on -1..1, (x, y).
    """
    offsets = points.unsqueeze(0) - theta[:, None, :, 2]
    # A window of zero area contains no point, and must not fail the whole batch.
    square = torch.linalg.pinv(theta[:, :, :2])
    inner = offsets @ square.transpose(1, 2)
    within: Tensor = (inner.abs() <= 1).all(dim=2)
    return within


def canvas_points(device: torch.device) -> Tensor:
    """The middles of fine pixels: (point, 2)."""
    count = CANVAS_PX * FINER
    axis = (torch.arange(count, device=device) + 0.5) * 2 / count - 1
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([columns, rows], dim=2).flatten(0, 1)


def overlap(theta: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of two windows on the canvas, 0..1: (batch,)."""
    points, shares = canvas_points(theta.device), []
    for one, other in zip(theta.split(AT_ONCE), truth.split(AT_ONCE), strict=True):
        first, second = inside(one, points), inside(other, points)
        shares.append((first & second).sum(dim=1) / (first | second).sum(dim=1))
    return torch.cat(shares)


def turn_deg(theta: Tensor) -> Tensor:
    """The rotation of a window: (batch,)."""
    return torch.rad2deg(torch.atan2(theta[:, 1, 0], theta[:, 0, 0]))


@torch.inference_mode()
def window_figures(
    transformer: ComposedSpatialTransformer | SpatialTransformer,
    digits: Examples,
    device: torch.device,
    distortion: str = "cluttered",
) -> dict[str, float]:
    """How the windows lie, compared with windows that ignore the canvas.

    iou and its baselines: means over the digits · distance_px, turn_error_deg: medians, of the
    window's centre and rotation relative to the digit's.
    """
    generator = torch.Generator().manual_seed(2)
    images = digits.images.to(device)
    canvases, truth = draw(images, images, generator, distortion)
    if truth is None:
        return {}
    theta = transformer.locate(normalise(canvases)).float()
    shuffled = truth[torch.randperm(len(truth), generator=generator).to(device)]
    middle = CENTRE_WIDTH * torch.eye(2, 3, device=device).expand_as(truth)
    distance = (theta[:, :, 2] - truth[:, :, 2]).norm(dim=1) * CANVAS_PX / 2
    turned = (turn_deg(theta) - turn_deg(truth) + 180) % 360 - 180
    return {
        "iou": overlap(theta, truth).mean().item(),
        "iou_of_a_random_window": overlap(shuffled, truth).mean().item(),
        "iou_of_the_centre": overlap(middle, truth).mean().item(),
        "iou_of_the_canvas": overlap(middle / CENTRE_WIDTH, truth).mean().item(),
        "distance_px": distance.median().item(),
        "distance_of_the_centre_px": (truth[:, :, 2].norm(dim=1) * CANVAS_PX / 2).median().item(),
        "turn_error_deg": turned.abs().median().item(),
        "turn_error_without_turning_deg": turn_deg(truth).abs().median().item(),
    }


def measure(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """`window_figures` of a digit network on its task's held-out digits; None without a window."""
    transformer = getattr(network, "transformer", None)
    digits: Examples = task.val  # type: ignore[attr-defined]
    if not isinstance(transformer, ComposedSpatialTransformer | SpatialTransformer):
        return {}
    return window_figures(transformer, digits, device, task.distortion)  # type: ignore[attr-defined]
