"""What a pass of a network calls, learnt once: calls at which there is nothing to see.

Most calls of a pass lead to nothing: they make no site, name nothing, and no site is made of what
they give. Whether that is so follows from what was called before, with which shapes. So where a
later pass calls the same functions on the same shapes in the same order, those calls are passed on
at once, and all others are looked at as ever. What may weigh values is looked at every time. At the
first call that is not as it was, what was learnt is forgotten, and the rest of the pass is looked
at as a whole; where a factor may have been under way there, that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    nothing to see. memory: what a handler has to know of its arguments, where that is enough.
    under_way: whether something had begun before it that may become a gate or a sampler.
    """

    func: Callable[..., Any] | None
    shape: torch.Size | None
    idle: bool
    memory: Any = None
    under_way: bool = False


class Learning:
    """The calls of a pass that is looked at as a whole.

    needs: for each, the earlier calls that told something of its arguments. telling: those that
    made a site or named something, or may in another pass. following: those that told something of
    a tensor, or were given such a tensor.
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
        """The number of a call. given: the identities of its arguments that something is known
        of.
        """
        self.steps.append(Step(func, shape, False, under_way=under_way))
        self.needs.append({self._told_by[key] for key in given if key in self._told_by})
        at = len(self.steps) - 1
        if given:
            self.following.add(at)
        return at

    def end(self, at: int, touched: Iterable[int]) -> None:
        """A call is over. touched: the identities of what it told something of."""
        told = dict.fromkeys(touched, at)
        if told:
            self.following.add(at)
            self._told_by.update(told)

    def plan(self, *, whole: bool) -> list[Step]:
        """The calls, idle where nothing that tells needs them.

        whole: look at everything that follows something, since what becomes of it is named.
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
