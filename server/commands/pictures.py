"""Maps that are not drawn as heat maps: sampling grids, sampler outputs, masks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fovea.models.methods import registry
from fovea.server.commands.common import USAGE, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis


def ways(map_name: str | None) -> Sequence[str] | None:
    """The ways to draw such a map, default first; None if it is drawn as a heat map."""
    from fovea.server.wire.drawing import WAYS

    return None if map_name is None else WAYS.get(registry.method(map_name).claim)


def check(options: argparse.Namespace, outputs: Sequence[Path]) -> None:
    """Ends the command if such a map cannot be drawn in the requested way."""
    own = ways(options.map)
    if own is None:
        return
    if any(output.suffix.lower() == ".html" for output in outputs):
        raise Stop(f"{options.map} is written as a picture or as .npy, not as .html.", USAGE)
    if options.render not in (None, *own):
        raise Stop(f"--render {options.render} is not for {options.map}: {', '.join(own)}.", USAGE)


def png(analysis: Analysis, array: NamedArray, options: argparse.Namespace) -> bytes:
    """A PNG as the server draws it."""
    from fovea.server.wire import drawing

    claim = registry.method(options.map).claim
    how = drawing.DrawingOptions(options.render, options.colormap, options.opacity)
    return drawing.to_picture(analysis, array, claim, how)
