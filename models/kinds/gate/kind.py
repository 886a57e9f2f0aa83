"""Describes the kinds channel gate and spatial gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fovea.models.kinds.gate.edit import planned
from fovea.models.kinds.gate.steps import gate_steps
from fovea.models.kinds.kind import Shown, SiteKind
from fovea.models.kinds.leading import back_from, tensors_of
from fovea.models.records import Site, Trace
from fovea.models.tracing.operations import Called

VIEWS = ("gate", "features", "steps")


def leading(calls: Sequence[Called], args: Sequence[Any]) -> list[Called]:
    """From the multiplied map, exclusive, to the factor."""
    start, end = sorted(tensors_of(args)[-2:], key=Tensor.numel, reverse=True)
    return back_from(calls, {id(end)}, start)


def bounds_of(_: Trace, site: Site) -> dict[str, Any]:
    """The bounds of a factor for the list of sites; null if unknown."""
    low, high = site.tensors.bounds or (0.0, 1.0)
    finite = [None if abs(end) == float("inf") else end for end in (low, high)]
    return {"range": finite}


def _features(site: Site) -> Tensor | None:
    return site.gate.features


def _channel(site: Site) -> Shown:
    return Shown(site.gate.values[0, :, 0, 0], ("channel",), "the weight of each channel")


def _spatial(site: Site) -> Shown:
    masks = site.gate.values[0]
    said = "the weight of each place"
    if masks.shape[0] > 1:
        said += f", mean over the masks of {masks.shape[0]} channels"
    return Shown(masks.float().mean(0), ("row", "column"), said)


CHANNEL_GATE = SiteKind(
    name="channel-gate",
    title="Channel gate",
    claim="gate",
    views=VIEWS,
    leading=leading,
    steps=lambda site, workings, _: gate_steps(site, workings),
    led_to="from the feature map to a factor for every channel",
    shown=_channel,
    features=_features,
    facts=bounds_of,
    edited_as="gate",
    planned=lambda edits, site, *_: planned(edits, site),
    channel_factors=True,
)

SPATIAL_GATE = SiteKind(
    name="spatial-gate",
    title="Spatial gate",
    claim="gate",
    views=VIEWS,
    leading=leading,
    steps=lambda site, workings, _: gate_steps(site, workings),
    led_to="from the feature map to a factor for every place",
    shown=_spatial,
    features=_features,
    facts=bounds_of,
    edited_as="gate",
    planned=lambda edits, site, *_: planned(edits, site),
)

KINDS = (CHANNEL_GATE, SPATIAL_GATE)
