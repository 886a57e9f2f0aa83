"""Maps with a picture of their own: sampling grids, what is read through them, masks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from fovea.server.commands import asking
from fovea.server.commands.common import USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis

RENDERS: dict[str, tuple[str, ...]] = {
    "grid": ("overlay",),
    "warped": ("heatmap",),
    "mask": ("overlay", "heatmap"),
}
"""Each with the ways to draw it, its own first."""


def check(options: argparse.Namespace, outputs: Sequence[Path]) -> None:
    """Ends the command where such a map is asked for in a way that it has not."""
    ways = RENDERS.get(options.map)
    if ways is None:
        return
    if any(one.suffix.lower() == ".html" for one in outputs):
        raise Stop(f"{options.map} is written as a picture or as .npy, not as .html.", USAGE)
    if options.render not in (None, *ways):
        raise Stop(f"--render {options.render} is not for {options.map}: {', '.join(ways)}.", USAGE)


def png(analysis: Analysis, array: NamedArray, options: argparse.Namespace) -> bytes:
    """As the server draws it; of what is no picture every channel by itself."""
    from fovea.server.answers import views
    from fovea.server.wire import masks, render, sampling

    if options.map == "grid":
        site = asking.site_of(analysis, options, "spatial-transformer")
        return sampling.to_picture(analysis, site, options.colormap)
    if options.map == "warped":
        if array.about["picture"]:
            return render.picture(views.as_picture(analysis, array).values)
        return render.to_picture(array, None, None, "heatmap", options.colormap, 1.0)
    photo, geometry = analysis.view
    how: Literal["overlay", "heatmap"] = options.render or "overlay"
    return masks.to_picture(
        analysis.mask.classes.numpy(), photo.pixels, geometry, how, options.opacity
    )
