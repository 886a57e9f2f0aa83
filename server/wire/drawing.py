"""Draws a map of an analysis in the way that its claim calls for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.views import as_picture
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter
from fovea.server.wire import masks, render, sampling
from fovea.server.wire.negotiation import PNG
from fovea.server.wire.pictures import size_at
from fovea.server.wire.render import Colormap, Render

WAYS: dict[str, tuple[Render, ...]] = {
    "sampling grid": ("overlay",),
    "picture": ("heatmap",),
    "mask": ("overlay", "heatmap"),
}
"""Claims with their own ways of drawing; the first is the default."""


@dataclass(frozen=True, slots=True)
class DrawingOptions:
    """render: None for the default way · media: media type of the file · width: of an overlay in
    pixels, if smaller than the photo.
    """

    render: Render | None = None
    table: Colormap = "viridis"
    opacity: float = 0.6
    media: str = PNG
    width: int | None = None


def _render(array: NamedArray, claim: str, how: DrawingOptions) -> Render:
    """How the array is drawn; raises InvalidParameter if such a map cannot be drawn that way."""
    ways = WAYS.get(claim)
    if ways is None:
        drawable = array.covers_input and array.values.ndim == 2
        return how.render or ("overlay" if drawable else "heatmap")
    if how.render is not None and how.render not in ways and claim != "sampling grid":
        raise InvalidParameter(
            f"render={how.render} is not for a {claim}; valid: {', '.join(ways)}.",
            valid=list(ways),
        )
    return how.render or ways[0]


def size_of(
    analysis: Analysis, array: NamedArray, claim: str, how: DrawingOptions
) -> tuple[int, int]:
    """(width, height) of a picture over the photo; (0, 0) for others, which are small."""
    if _render(array, claim, how) != "overlay":
        return 0, 0
    photo, _ = analysis.view  # raises for a sentence, which cannot be overlaid
    return size_at(photo.width, photo.height, how.width)


def to_picture(analysis: Analysis, array: NamedArray, claim: str, how: DrawingOptions) -> bytes:
    """The bytes of the picture."""
    drawn = _render(array, claim, how)
    if claim == "sampling grid":
        site = analysis.trace.site(array.about["site"])
        return sampling.to_picture(analysis, site, how.table, drawn, how.media, how.width)
    if claim == "picture":
        if not array.about["picture"]:
            return render.to_picture(array, None, None, "heatmap", how.table, 1.0, how.media)
        is_tensor = array.about["values_are"] == "tensor"
        return render.picture((as_picture(analysis, array) if is_tensor else array).values)
    if claim == "mask":
        photo, geometry = analysis.view
        way: Literal["overlay", "heatmap"] = "heatmap" if drawn == "heatmap" else "overlay"
        classes = analysis.mask.classes.numpy()
        return masks.to_picture(
            classes, photo.pixels, geometry, way, how.opacity, how.media, how.width
        )
    pixels = None if analysis.photo is None else analysis.photo.pixels
    return render.to_picture(
        array, pixels, analysis.geometry, drawn, how.table, how.opacity, how.media, how.width
    )
