"""What a pass of a network calls, learnt once: calls at which there is nothing to see.

Most calls of a pass lead to nothing: looking at them gives no tensor an origin, makes no site and
names nothing. Whether that is so follows from what was called before, with which shapes. So where a
later pass calls the same functions on the same shapes in the same order, those calls are passed on
at once, and all others are looked at as ever. At the first call that is not as it was, the rest of
the pass is looked at as a whole: up to there nothing was missed, and what was learnt is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

MOST_CALLS = 20_000
"""A longer pass is not learnt."""

MOST_PLANS = 8
"""So many are kept for a network: input sizes, entry points, modes."""


class Step(NamedTuple):
    """One call. shape: of its first argument, where that is a plain tensor. idle: whether there is
    nothing to see.
    """

    func: Callable[..., Any] | None
    shape: torch.Size | None
    idle: bool


Key = tuple[object, ...]

_END = Step(None, None, False)
_plans: WeakKeyDictionary[nn.Module, dict[Key, list[Step]]] = WeakKeyDictionary()


def shape_of(args: tuple[Any, ...]) -> torch.Size | None:
    """The shape of the first argument, where that is a plain tensor."""
    one: Any = args[0] if args else None
    if type(one) not in (Tensor, nn.Parameter) or one.is_nested:
        return None
    return one.shape  # type: ignore[no-any-return]


def key_of(root: nn.Module, func: Callable[..., Any], args: tuple[Any, ...]) -> Key:
    """What tells passes apart at their first call."""
    tensors = [one for one in args if isinstance(one, Tensor)]
    shapes = tuple(None if one.is_nested else tuple(one.shape) for one in tensors)
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), root.training
    return (func, shapes, *modes)


def plan_for(root: nn.Module, key: Key) -> list[Step] | None:
    """What was learnt of such a pass; its last step is the end."""
    return _plans.get(root, {}).get(key)


def learn(root: nn.Module, key: Key, steps: list[Step]) -> None:
    """Keep what one whole pass called."""
    if not steps or len(steps) > MOST_CALLS:
        return
    plans = dict(_plans.get(root, {}))  # another thread may read it
    while len(plans) >= MOST_PLANS:
        plans.pop(next(iter(plans)))
    plans[key] = [*steps, _END]
    _plans[root] = plans


def forget(root: nn.Module, key: Key) -> None:
    """The last pass was another one."""
    _plans[root] = {known: plan for known, plan in _plans.get(root, {}).items() if known != key}
