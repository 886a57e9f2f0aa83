"""Maps with a picture of their own: sampling grids, what is read through them, masks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fovea.models.methods import registry
from fovea.server.commands.common import USAGE, Stop

if TYPE_CHECKING:
    from fovea.server.answers.named_array import NamedArray
    from fovea.server.commands.planning import Work
    from fovea.server.engine.analysis import Analysis


def ways(map_name: str | None) -> Sequence[str] | None:
    """How such a map is drawn, its own way first; None where it is drawn like any other."""
    from fovea.server.wire.drawing import WAYS

    return None if map_name is None else WAYS.get(registry.method(map_name).claim)


def check(options: argparse.Namespace, work: Sequence[Work]) -> None:
    """Ends the command where such a map is asked for in a way that it has not."""
    own = ways(options.map)
    if own is None:
        return
    if any(one.output.suffix.lower() == ".html" for one in work):
        raise Stop(f"{options.map} is written as .png or .npy, not as .html.", USAGE)
    if options.render not in (None, *own):
        raise Stop(f"--render {options.render} is not for {options.map}: {', '.join(own)}.", USAGE)


def png(analysis: Analysis, array: NamedArray, options: argparse.Namespace) -> bytes:
    """As the server draws it."""
    from fovea.server.wire import drawing

    claim = registry.method(options.map).claim
    return drawing.to_png(analysis, array, claim, options.render, options.colormap, options.opacity)
