"""What leaves torch inside a network: nothing that is computed there can be seen."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fovea.models.tracing.call_stack import is_running
from fovea.models.tracing.recording import Watch

OUTSIDE = "its numbers go to code that is not torch: what is computed there is not seen"


def on_leaving(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Names where the network hands a map or tokens to NumPy, DLPack or a kernel of its own."""
    result = func(*args, **kwargs)
    given, recording = (args[0] if args else None), watch.recording
    if (
        isinstance(given, Tensor)
        and given.ndim > 2
        and given.is_floating_point()
        and not recording.is_learned(given)
        and is_running(recording.paths)
    ):
        recording.miss("part", func.func, OUTSIDE)
    return result
