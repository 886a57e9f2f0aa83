"""Handlers of calls that create tensors from nothing: arange, zeros, meshgrid."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from fovea.models.kinds.gate.factor import Factor, factor_of, origin_of
from fovea.models.tracing.call_stack import is_running
from fovea.models.tracing.recording import Watch


def on_constant(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Marks tensors that a module creates as independent of the photo; outside any module it may be
    the photo itself.
    """
    result = func(*args, **kwargs)
    if isinstance(result, Tensor) and is_running(watch.recording.paths):
        watch.recording.constants.add(result)
    return result


def on_collection(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Stacks, meshes and concatenations of constants are constant; wave components stay waves, as
    rotary embeddings are assembled from parts.
    """
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    constant = bool(given) and all(map(watch.recording.constants.holds, given))
    waves = bool(given) and all(_is_wave(watch, one) for one in given)
    result = func(*args, **kwargs)
    if waves and isinstance(result, Tensor):
        watch.recording.origins.set(result, origin_of(Factor(normaliser=True)))
    if constant:
        for one in tree_leaves(result):
            watch.recording.constants.add(one)
    return result


def _is_wave(watch: Watch, tensor: Tensor) -> bool:
    factor = factor_of(watch.recording.origins.get(tensor))
    return factor is not None and factor.normaliser
