"""Fovea as a Python library: what a vision network attended to, in a notebook, in five lines.

    from fovea import capture, overlay, rollout

    with capture(model) as trace:
        model(photos)
    overlay(rollout(trace), "cat.jpg")

docs/library.md has the tour. `python -m fovea` is the command line (docs/cli.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fovea.models.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from fovea.library import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Loads fovea/library.py on first use, so that `fovea --help` need not wait for torch."""
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'fovea' has no attribute {name!r}")
    library = import_module("fovea.library")
    if name != "__all__" and name not in library.__all__:
        raise AttributeError(f"module 'fovea' has no attribute {name!r}")
    return getattr(library, name)


def __dir__() -> list[str]:
    return sorted([*import_module("fovea.library").__all__, "__version__"])
