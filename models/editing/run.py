"""A network that runs with edits, unmodified.

    with edit(model, off("s03", heads=[0]), theta("s00", matrix)) as run:
        logits = run(photo)
    run.notes

`capture` inside the `with` sees the edited pass. An empty list of edits keeps every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from fovea.models.capture.recorder import _Watch
from fovea.models.editing.additions import (
    Call,
    NewPositions,
    Sum,
    is_sum,
    new_positions,
    sums_of,
)
from fovea.models.editing.plan import Checked, checked
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.places.layout import Layouts
from fovea.models.places.positions import Positions, positions_of_call
from fovea.models.records import Kind, Tensors, Trace
from fovea.models.running.again import RepeatableCall, photos_of
from fovea.models.running.compiled import is_script
from fovea.models.running.observing import capture
from fovea.models.tracing.call_stack import calling_module, module_paths, parts_of
from fovea.models.tracing.editing import Counting, Plan, activated
from fovea.models.tracing.entry import Entries
from fovea.models.tracing.recording import Recording

T = TypeVar("T")

NOT_MET = "An edited site did not run in this pass: its edit was not made."


class _Forgetting(Recording):
    """Recognises sites, so that they can be edited, and keeps none of their tensors."""

    def add(
        self,
        kind: Kind,
        tensors: Tensors,
        differentiable: Tensor | None = None,
        arrange: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        note: str | None = None,
        part: str = "",
    ) -> None:
        """Nothing."""


@dataclass(eq=False)
class _Sums:
    """Edits sums: those of the residual stream, and positional encodings."""

    skipped: dict[Sum, int]
    positions: tuple[NewPositions, ...]


class _Editing(_Watch):
    """Applies the changes of a plan, unless a recording inside applies those at sites."""

    def __init__(self, recording: Recording, plan: Plan, sums: _Sums) -> None:
        super().__init__(recording)
        self._plan, self._sums = plan, sums
        self._counting = Counting(plan.root)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._plan.prepare is not None:
            self._plan.ready()
        if (self._sums.skipped or self._sums.positions) and is_sum(func, args):
            path = calling_module(self._plan.paths)
            number = self._counting.next(path)
            stood = self._sums.skipped.get((path, number))
            if stood is not None:
                return args[stood]
            args = self._with_positions(args)
        if self._plan.watching > 1:  # a recording inside applies the changes
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def _with_positions(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        for one in self._sums.positions:
            for number, added in enumerate(args):
                if (other := one.replaced(added)) is not None:
                    return tuple(other if i == number else arg for i, arg in enumerate(args))
        return args


@dataclass(eq=False)
class Edited:
    """A network with edits, inside the `with`. Calling it calls the network."""

    module: nn.Module
    plan: Plan

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self.plan.made
        result = self.module(*args, **kwargs)
        if self.plan.made - made < len(self.plan.changes):
            self.plan.note(NOT_MET)
        return result

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the edited pass, for example rows that could attend to nothing."""
        return tuple(self.plan.notes)


@contextmanager
def edited(
    module: nn.Module,
    edits: Sequence[Edit],
    trace: Trace,
    layouts: Layouts,
    given: Sequence[Tensor],
) -> Iterator[Edited]:
    """Run a network with edits when its sites are known: no survey pass is needed.

    trace: of this network and input size, with places. given: the network's call arguments. Edits
    of the photo are not applied here: use `editing.hide` before preprocessing. Raises RefusedEdit
    before any pass.
    """
    found = checked(edits, trace, layouts)
    plan = Plan(module, module_paths(parts_of(module)), found.changes)
    if not (found.changes or found.skipped or found.positions):
        yield Edited(module, plan)
        return
    one = Call(module, lambda: (tuple(tensor[:1] for tensor in given), {}))
    with activated(plan), _editing(module, plan, _sums_of(module, found, trace, one)):
        yield Edited(module, plan)


@contextmanager
def edit(module: nn.Module, *edits: Edit) -> Iterator[Edited]:
    """Run a network with edits, validated at the network's first call.

    Two passes before the first edited one find its sites and the positions of its tokens. That call
    raises RefusedEdit for invalid edits. Edits of the photo are refused: use `fovea.hide`.
    """
    for one in edits:
        if one.edit == "hide":
            raise RefusedEdit(
                "Cells are hidden before preprocessing, but this network was given a preprocessed "
                "input.",
                "fovea.hide_cells gives the photo to prepare.",
            )
        if one.edit == "words":
            raise RefusedEdit(
                "Which words a network reads is decided by who calls it.", "Call it with them."
            )
    if edits and is_script(module):
        raise RefusedEdit(
            "TorchScript does not pass through Python: nothing in it can be edited.",
            "Edit the network that it was made from.",
        )
    parts = parts_of(module)
    plan = Plan(module, module_paths(parts), {})
    sums = _Sums({}, ())

    def prepare() -> None:
        entry = Entries(parts).now()
        if entry is None or photos_of(entry) is None:
            return
        plan.prepare = None
        again = RepeatableCall(module, entry, 0)

        def survey_and_check() -> tuple[Checked, _Sums]:
            with again.as_then(), capture(module, features=True) as trace:
                args, kwargs = again.given()
                again.call(*args, **kwargs)
            sites = Trace(trace.sites)
            found = checked(edits, sites, trace.layouts)
            with again.as_then():
                return found, _sums_of(module, found, sites, Call(again.call, again.given))

        found, made = _in_a_thread_of_its_own(survey_and_check)
        plan.changes = found.changes
        sums.skipped, sums.positions = made.skipped, made.positions

    if not edits:
        yield Edited(module, plan)
        return
    plan.prepare = prepare
    with activated(plan), _editing(module, plan, sums):
        yield Edited(module, plan)


def _in_a_thread_of_its_own(work: Callable[[], T]) -> T:
    """Runs `work` in a thread, away from the modes and call stack of the waiting pass."""
    with ThreadPoolExecutor(1) as pool:

        def run() -> T:
            with torch.no_grad():
                return work()

        return pool.submit(run).result()


@contextmanager
def _editing(module: nn.Module, plan: Plan, sums: _Sums) -> Iterator[None]:
    def entered() -> AbstractContextManager[Any]:
        recording = _Forgetting(module, features=False, gradients=False)
        return _Editing(recording, plan, sums)

    plan.enter = entered
    with entered():
        yield


def _sums_of(module: nn.Module, found: Checked, trace: Trace, call: Call) -> _Sums:
    if not found.skipped and not found.positions:
        return _Sums({}, ())
    with activated(None):
        numbers = {site.id: number for number, site in enumerate(trace.sites)}
        skipped = sums_of(module, call, found.skipped, numbers) if found.skipped else {}
        vectors: tuple[Positions, ...] = ()
        if found.positions:
            args, kwargs = call.given()
            vectors = positions_of_call(module, call.run, args, kwargs)
    return _Sums(skipped, new_positions(found.positions, vectors))
