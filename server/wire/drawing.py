"""A map of an analysis → PNG, in the way that what it claims is drawn."""

from __future__ import annotations

from typing import Literal

from fovea.server.answers.named_array import NamedArray
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter
from fovea.server.wire import masks, render, sampling
from fovea.server.wire.render import Colormap, Render

WAYS: dict[str, tuple[Render, ...]] = {
    "sampling grid": ("overlay",),
    "picture": ("heatmap",),
    "mask": ("overlay", "heatmap"),
}
"""What is drawn in a way of its own, by what it claims; its first way where none is named."""


def to_png(
    analysis: Analysis,
    array: NamedArray,
    claim: str,
    how: Render | None,
    table: Colormap,
    opacity: float,
) -> bytes:
    """The picture. Raises InvalidParameter for a way that such a map is not drawn in."""
    ways = WAYS.get(claim)
    if ways is None:
        return _map(analysis, array, how, table, opacity)
    if claim == "sampling grid":
        site = analysis.trace.site(array.about["site"])
        return sampling.to_png(analysis, site, table, how)
    if how is not None and how not in ways:
        raise InvalidParameter(
            f"render={how} is not for a {claim}; valid: {', '.join(ways)}.", valid=list(ways)
        )
    if claim == "picture":
        if array.about["picture"]:
            return render.picture(array.values)
        return render.to_png(array, None, None, "heatmap", table, 1.0)
    photo, geometry = analysis.view
    way: Literal["overlay", "heatmap"] = "heatmap" if how == "heatmap" else "overlay"
    return masks.to_png(analysis.mask.classes.numpy(), photo.pixels, geometry, way, opacity)


def _map(
    analysis: Analysis, array: NamedArray, how: Render | None, table: Colormap, opacity: float
) -> bytes:
    drawable = array.covers_input and array.values.ndim == 2
    how = how or ("overlay" if drawable else "heatmap")
    if how == "overlay":
        _ = analysis.view  # raises for a sentence, which nothing can be laid on
    photo = None if analysis.photo is None else analysis.photo.pixels
    return render.to_png(array, photo, analysis.geometry, how, table, opacity)
