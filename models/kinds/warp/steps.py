"""A spatial transformer for one output pixel (Jaderberg et al. 2015).

Localisation network → θ → grid generator (equation 1) → bilinear sampler (equation 5).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.kinds.step import Step, step
from fovea.models.records import Sampling, Site
from fovea.models.tracing.operations import Workings


def sampling_steps(site: Site, workings: Workings, row: int, column: int) -> list[Step]:
    """How one output pixel is computed: from θ to the four neighbours and their weights.

    row, column: of the output.
    """
    sampling = site.sampling
    with torch.inference_mode():
        point = sampling.grid[0, row, column].float()
        theta = None if sampling.theta is None else sampling.theta[0].float()
        return [
            *_localised(workings, point.numel() if theta is None else theta.numel()),
            *([] if theta is None else [_theta(theta)]),
            step(
                "output point",
                f"where row {row}, column {column} of the output lies, from −1 to 1",
                "(x′, y′)",
                output_point(sampling, row, column),
                ("xy",),
            ),
            step(
                "source point",
                "where it is read on the input, from −1 to 1",
                "(x, y)" if theta is None else "(x, y) = θ (x′, y′, 1)",
                point,
                ("xy",),
            ),
            *_read(sampling, point, sampling.output[0, :, row, column].float()),
        ]


def _theta(theta: Tensor) -> Step:
    return step("theta", "the affine map that places the grid", "θ", theta, ("xy", "term"))


def _read(sampling: Sampling, point: Tensor, passed_on: Tensor) -> list[Step]:
    """The four neighbours and their mixture; only the result if the interpolation is not bilinear
    with zero padding (nearest, bicubic, replicated edges).
    """
    weights, read = neighbours(sampling, point)
    if not torch.allclose(
        read, passed_on, rtol=1e-2, atol=1e-3 * (1 + float(passed_on.abs().max()))
    ):
        told = "what the sampler gave there, in every channel; it is no mixture of four neighbours"
        return [step("read", told, "V", passed_on, ("channel",))]
    return [
        step(
            "neighbours",
            "row, column and weight of the four pixels around that point; outside counts as 0",
            "w = max(0, 1 − |x − m|) max(0, 1 − |y − n|)",
            weights,
            ("neighbour", "field"),
        ),
        step("read", "their mixture, in every channel", "V = Σ w U", read, ("channel",)),
    ]


def _localised(workings: Workings, numbers: int) -> list[Step]:
    """The input of the layer that produces θ, which has that many numbers."""
    narrow = [
        operation
        for operation in workings.before
        if operation.made is not None and operation.made.ndim == 2 and operation.made.shape[0] == 1
    ]
    before = [operation for operation in narrow if operation.made.numel() > numbers]  # type: ignore[union-attr]
    if not before:
        return []
    last = before[-1]
    assert last.made is not None
    sentence = "what the localisation network says of the picture"
    values = last.made[0].float()
    return [step("localisation", sentence, "f_loc(U)", values, ("feature",), last.module)]


def output_point(sampling: Sampling, row: int, column: int) -> Tensor:
    """The centre of an output pixel, (x, y) on −1…1."""
    rows, columns = sampling.grid.shape[1:3]

    def at(index: int, count: int) -> float:
        if sampling.align_corners:
            return 2 * index / max(1, count - 1) - 1
        return (2 * index + 1) / count - 1

    return torch.tensor([at(column, columns), at(row, rows)])


def neighbours(sampling: Sampling, point: Tensor) -> tuple[Tensor, Tensor]:
    """((neighbour, 3): row, column and weight of the four pixels; (channel,): the result)."""
    source = sampling.input[0].float()
    _, rows, columns = source.shape

    def pixel(value: float, count: int) -> float:
        if sampling.align_corners:
            return (value + 1) / 2 * (count - 1)
        return ((value + 1) * count - 1) / 2

    across, down = pixel(float(point[0]), columns), pixel(float(point[1]), rows)
    left, top = int(torch.tensor(across).floor()), int(torch.tensor(down).floor())
    found, read = [], torch.zeros(source.shape[0], device=source.device)
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - abs(across - column)) * (1 - abs(down - row))
            found.append([float(row), float(column), weight])
            if 0 <= row < rows and 0 <= column < columns:
                read = read + weight * source[:, row, column]
    return torch.tensor(found), read
