"""Learns once which calls of a network's pass can be skipped.

Most calls lead to nothing: they make no site, are not reported, and no site derives from their
result. That depends only on earlier calls and their shapes. So if a later pass calls the same
functions on the same shapes in the same order, those calls are passed through at once, and only the
others are inspected. Calls that may weigh values are always inspected. At the first deviation the
learned sequence is discarded and the rest of the pass is inspected completely; factors already
under way at that point are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

MOST_CALLS = 20_000
"""Longer passes are not learned."""

MOST_PLANS = 8
"""Plans kept for a network: input sizes, entry points, modes."""


class Step(NamedTuple):
    """One call. shape: of its first argument, if that is a plain tensor. idle: whether it can be
    skipped. memory: what a handler must know of its arguments, if that suffices. under_way: whether
    something had begun before it that may become a gate or sampler.
    """

    func: Callable[..., Any] | None
    shape: torch.Size | None
    idle: bool
    memory: Any = None
    under_way: bool = False


class Learning:
    """The calls of a pass that is inspected completely.

    needs: for each call, the earlier calls that recorded something about its arguments. telling:
    calls that made or reported a site, or may in another pass. following: calls that recorded
    something about a tensor, or received such a tensor.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.needs: list[set[int]] = []
        self.telling: set[int] = set()
        self.following: set[int] = set()
        self._told_by: dict[int, int] = {}

    def begin(
        self,
        func: Callable[..., Any],
        shape: torch.Size | None,
        given: set[int],
        *,
        under_way: bool,
    ) -> int:
        """The index of a new call. given: ids of its arguments about which something is known."""
        self.steps.append(Step(func, shape, False, under_way=under_way))
        self.needs.append({self._told_by[key] for key in given if key in self._told_by})
        at = len(self.steps) - 1
        if given:
            self.following.add(at)
        return at

    def end(self, at: int, touched: Iterable[int]) -> None:
        """Ends a call. touched: ids of the tensors about which it recorded something."""
        told = dict.fromkeys(touched, at)
        if told:
            self.following.add(at)
            self._told_by.update(told)

    def plan(self, *, whole: bool) -> list[Step]:
        """The calls; those that no telling call needs are idle.

        whole: inspect everything that follows something, since its fate is reported.
        """
        needed = set[int]()
        waiting = list(self.telling | self.following if whole else self.telling)
        while waiting:
            at = waiting.pop()
            if at in needed:
                continue
            needed.add(at)
            if self.steps[at].memory is None:
                waiting.extend(self.needs[at])
        return [step._replace(idle=at not in needed) for at, step in enumerate(self.steps)]


Key = tuple[object, ...]

_END = Step(None, None, False)
_plans: WeakKeyDictionary[nn.Module, dict[Key, list[Step]]] = WeakKeyDictionary()


def shape_of(args: tuple[Any, ...]) -> torch.Size | None:
    """The shape of the first argument, if that is a plain tensor."""
    one: Any = args[0] if args else None
    if type(one) not in (Tensor, nn.Parameter) or one.is_nested:
        return None
    return one.shape  # type: ignore[no-any-return]


def key_of(root: nn.Module, func: Callable[..., Any], args: tuple[Any, ...]) -> Key:
    """Tells passes apart at their first call."""
    tensors = [argument for argument in args if isinstance(argument, Tensor)]
    shapes = tuple(None if tensor.is_nested else tuple(tensor.shape) for tensor in tensors)
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), root.training
    return (func, shapes, *modes)


def plan_for(root: nn.Module, key: Key) -> list[Step] | None:
    """The plan learned for such a pass; its last step is the end."""
    return _plans.get(root, {}).get(key)


def learn(root: nn.Module, key: Key, steps: list[Step]) -> None:
    """Stores the calls of a complete pass."""
    if not steps or len(steps) > MOST_CALLS:
        return
    plans = dict(_plans.get(root, {}))  # another thread may read it
    while len(plans) >= MOST_PLANS:
        plans.pop(next(iter(plans)))
    plans[key] = [*steps, _END]
    _plans[root] = plans


def forget(root: nn.Module, key: Key) -> None:
    """Discards a plan: the last pass deviated."""
    _plans[root] = {known: plan for known, plan in _plans.get(root, {}).items() if known != key}
