"""Describes the kind strip gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fovea.models.kinds.gate.kind import bounds_of
from fovea.models.kinds.kind import Shown, SiteKind
from fovea.models.kinds.leading import back_from, tensors_of
from fovea.models.kinds.strip.edit import planned
from fovea.models.kinds.strip.record import strips_of
from fovea.models.kinds.strip.signature import KIND
from fovea.models.kinds.strip.steps import strip_steps
from fovea.models.records import Site
from fovea.models.tracing.operations import Called


def leading(calls: Sequence[Called], args: Sequence[Any]) -> list[Called]:
    """From the map to both strips, whether they are applied in turn or multiplied with each other
    first; tensors as large as the map are not traced.
    """
    given = tensors_of(args)[-3:]
    start = max(given, key=Tensor.numel)
    whole = {id(one) for one in given if one.shape == start.shape}
    made = [call for call in calls if id(call.result) in whole and call.operation.name in PRODUCTS]
    ends = {id(one) for one in given} | {one for call in made for one in call.given}
    return back_from(calls, ends - whole, start, through_maps=False)


PRODUCTS = ("mul", "multiply", "imul", "rmul")


def _shown(site: Site) -> Shown:
    strips = strips_of(site)
    rows, columns = strips.rows[0, :, :, 0].float(), strips.columns[0, :, 0].float()
    return Shown(
        strips.product[0].float().mean(0),
        ("row", "column"),
        "the product of the factors of each row and each column, mean over the channels",
        more=(("rows", rows, ("channel", "row")), ("columns", columns, ("channel", "column"))),
    )


STRIP_GATE = SiteKind(
    name=KIND,
    title="Strip gate",
    claim="gate",
    views=("gate", "features", "steps"),
    leading=leading,
    steps=lambda site, workings, _: strip_steps(site, workings),
    led_to="from the feature map to a factor for every row and one for every column",
    shown=_shown,
    features=lambda site: strips_of(site).features,
    facts=bounds_of,
    edited_as="gate",
    planned=lambda edits, site, *_: planned(edits, site),
    channel_factors=True,
)

KINDS = (STRIP_GATE,)
