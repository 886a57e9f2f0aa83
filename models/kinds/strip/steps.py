"""A strip gate's computation (Hou et al. 2021, equations 4 to 9): two means, each along one axis,
the layers after them, the two strips, and the scaled map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.kinds.gate.steps import told_of
from fovea.models.kinds.step import Step, step
from fovea.models.kinds.strip.record import Strips, strips_of
from fovea.models.records import Site
from fovea.models.tracing.operations import Operation, Workings


def strip_steps(site: Site, workings: Workings) -> list[Step]:
    """From the feature map to the two strips and the map scaled by both."""
    strips = strips_of(site)
    with torch.inference_mode():
        led = [told for one in workings.before if (told := _told(one, strips))]
        return [*led, *_strips(strips), *_scaled(strips)]


def _told(operation: Operation, strips: Strips) -> Step | None:
    """The step of a call; a result along one axis is named by that axis."""
    pooled = _pooled(operation)
    known = pooled or told_of(operation)
    if known is None:
        return None
    name, sentence, formula = known
    values, axes = _arranged(operation, strips)
    shape = operation.shape if values is None else tuple(values.shape)
    return Step(name, sentence, formula, values, axes, shape, operation.module)


def _pooled(operation: Operation) -> tuple[str, str, str] | None:
    """The description of a pooling along one spatial axis."""
    given = operation.given[0] if operation.given else ()
    if len(given) != 4 or operation.name not in POOLINGS:
        return None
    what, symbol = POOLINGS[operation.name]
    over_columns = operation.shape in ((*given[:3], 1), given[:3])
    over_rows = operation.shape in ((*given[:2], 1, given[3]), (*given[:2], given[3]))
    if over_columns == over_rows:
        return None
    if over_columns:
        return (
            f"{what} of rows",
            f"the {what} of every row, in every channel",
            f"{symbol}_j x(i, j)",
        )
    return (
        f"{what} of columns",
        f"the {what} of every column, in every channel",
        f"{symbol}_i x(i, j)",
    )


POOLINGS = {
    **dict.fromkeys(("mean", "adaptive_avg_pool2d", "avg_pool2d"), ("mean", "mean")),
    **dict.fromkeys(("amax", "adaptive_max_pool2d", "max_pool2d"), ("maximum", "max")),
}


def _arranged(operation: Operation, strips: Strips) -> tuple[Tensor | None, tuple[str, ...]]:
    """A call's result, (channel, position along the strip); its size only if it has two spatial
    axes.
    """
    made, shape = operation.made, operation.shape
    if made is None or not shape or shape[0] != 1:
        return None, ()
    made = made[0].float().squeeze()
    if made.ndim != 2:
        return None, ()
    rows, columns = strips.rows.shape[2], strips.columns.shape[3]
    length = made.shape[1]
    # A strip may be stored upright or transposed; for a square map the shape cannot tell which.
    axis = {rows + columns: "place", rows: "row", columns: "column"}.get(length, "place")
    return made, ("channel", "place" if rows == columns == length else axis)


def _strips(strips: Strips) -> list[Step]:
    rows, columns = strips.rows[0, :, :, 0], strips.columns[0, :, 0]
    return [
        step("row factors", "a factor for every row", "g^h_c(i)", rows, ("channel", "row")),
        step(
            "column factors",
            "a factor for every column",
            "g^w_c(j)",
            columns,
            ("channel", "column"),
        ),
    ]


def _scaled(strips: Strips) -> list[Step]:
    product = strips.product[0].float()
    axes = ("row", "column")
    steps = [
        step(
            "product",
            "what each place is multiplied by; shown is the mean over channels",
            "g^h_c(i) g^w_c(j)",
            product.mean(0),
            axes,
        )
    ]
    if strips.features is not None:
        after = (strips.features[0].float() * product).mean(0)
        sentence = "every place times the factor of its row and that of its column; shown is the "
        formula = "y_c(i, j) = x_c(i, j) g^h_c(i) g^w_c(j)"
        steps.append(step("scale", f"{sentence}mean over channels", formula, after, axes))
    return steps
