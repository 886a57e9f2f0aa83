"""The context manager that watches the torch functions of a forward pass and keeps what attends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodWrapperType,
    TracebackType,
    WrapperDescriptorType,
)
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from fovea.models.kinds.attention.kernels import Kernels, is_operator, name_of
from fovea.models.kinds.registry import FOLLOWS, STARTS, handler_of
from fovea.models.kinds.spellings import Handler
from fovea.models.tracing import compiled, learnt, torch_paths
from fovea.models.tracing.call_stack import is_running
from fovea.models.tracing.learnt import shape_of
from fovea.models.tracing.origins import Origin
from fovea.models.tracing.recording import Recording
from fovea.models.tracing.scripted import scripted
from fovea.models.tracing.stopping import Abandoned

Function = Callable[..., Any]

_FUNCTIONS = {
    *(BuiltinFunctionType, FunctionType, MethodDescriptorType),
    *(MethodWrapperType, WrapperDescriptorType),
}
"""Types of torch's functions; anything else may be an operator of the dispatcher."""


ANOTHER_WAY = (
    "the pass took another way here than the one before it, and what was to become of a factor was "
    "not followed: watch it again"
)


class Running:
    """The function that the network called, and its result from the first time a handler ran it."""

    __slots__ = ("begun", "func", "ran", "result")

    def __init__(self, func: Function) -> None:
        self.func, self.begun, self.ran, self.result = func, False, False, None

    @property
    def __name__(self) -> str:
        return str(getattr(self.func, "__name__", self.func))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.ran:  # a handler runs it again on modified arguments
            return self.func(*args, **kwargs)
        self.begun = True
        self.result = self.func(*args, **kwargs)
        self.ran = True
        return self.result


_ENTRIES = {torch.conv2d, torch.conv3d, F.conv2d, F.conv3d, F.unfold}
"""Typical first operations on a photo: they mark the start of a call of the network."""

_COLOURS = 4
"""Maximum number of channels of a photo."""


class _Watch(TorchFunctionMode):
    """Passes every torch function through unchanged; a few have a handler that inspects them.

    fused: whether torch's modules may take their fused kernels, as when unwatched; inspecting
    intermediate steps requires False. learns: whether to skip calls in which an earlier pass saw
    nothing (`models/tracing/learnt.py`).
    """

    def __init__(self, recording: Recording, *, fused: bool = True, learns: bool = False) -> None:
        super().__init__()
        self.recording = recording
        # The call sequence expected of this pass, or the one being learnt.
        self._learns = learns and recording.edits is None
        self._expected: list[learnt.Step] | None = None
        self._at = 0
        self._key: learnt.Key = ()
        self._learning: learnt.Learning | None = None
        self.memory: Any = None
        self.learnt: Any = None
        # An edit may also act on intermediate steps.
        self.takes_fused_paths = fused and recording.edits is None
        # Checked on every function call.
        self._begun, self._weights = recording.origins.known, recording.origins.weights
        self._constant = recording.constants.known
        self._operators: dict[Any, Handler | None] = {}
        self._entered = False
        self._depth = 0  # handlers may enter it again

    def __enter__(self) -> _Watch:
        torch_paths.enter(self._told_of_compiled)
        self._depth += 1
        if self.recording.edits is not None and self._depth == 1:
            self.recording.edits.plan.watching += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)  # type: ignore[no-untyped-call]
        self._depth -= 1
        if self.recording.edits is not None and self._depth == 0:
            self.recording.edits.plan.watching -= 1
        torch_paths.leave()

    def _told_of_compiled(self, name: str) -> None:
        """Reports a compiled function, once, that runs as Python."""
        recording = self.recording
        if name not in recording.ran_eagerly:
            recording.ran_eagerly.add(name)
            recording.miss("part", name, compiled.EAGERLY)

    def carry(self) -> torch_paths.Carry | None:
        """The mode to enter in a thread that the network starts."""
        recording = self.recording
        if not is_running(recording.paths):
            return None
        started_by = recording.module(), recording.enter()
        # With several threads there is no single order of calls.
        self._expected, self._learns = None, False
        self._stop_learning()

        @contextmanager
        def carried() -> Iterator[None]:
            recording.carried[get_ident()] = started_by
            try:
                with self:
                    yield
            finally:
                recording.carried.pop(get_ident(), None)

        return carried

    def __torch_function__(
        self,
        func: Function,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._expected is not None:
            known, shape, idle, memory, under_way = self._expected[self._at]
            self._at += 1
            # A property's getter is a new object on every access but compares equal.
            if not ((func is known or func == known) and shape_of(args) == shape):
                self._surprised(func, under_way=under_way)
            elif idle:
                return func(*args, **kwargs) if kwargs else func(*args)
            elif memory is not None:
                self.memory = memory
                try:
                    return self._look_on(func, args, kwargs)
                finally:
                    self.memory = None
        elif self._learning is not None:
            return self._learn_of(self._learning, func, args, kwargs)
        elif self._learns and not self._entered:
            self._key = learnt.key_of(self.recording.root, func, args)
            self._expected = learnt.plan_for(self.recording.root, self._key)
            self._at = 1
            if self._expected is None:
                self._learning = learnt.Learning()
                self.recording.note_touched([])
                return self._learn_of(self._learning, func, args, kwargs)
        return self._look_on(func, args, kwargs)

    def _is_entry(self, func: Function, args: tuple[Any, ...]) -> bool:
        """Whether the network may be entered here."""
        if not self._entered:
            return True
        return func in _ENTRIES and bool(args) and args[0].shape[1] <= _COLOURS

    def _surprised(self, func: Function, *, under_way: bool) -> None:
        """This pass differs from the recorded one: forget the recording."""
        if under_way:
            self.recording.miss("gate", func, ANOTHER_WAY)
        learnt.forget(self.recording.root, self._key)
        self._expected, self._learns = None, False

    def _stop_learning(self) -> None:
        self._learning = None
        self.recording.note_touched(None)

    def _learn_of(
        self,
        learning: learnt.Learning,
        func: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
    ) -> Any:
        """Runs the call as usual and records how it depends on earlier calls."""
        recording, shape = self.recording, shape_of(args)
        given = {id(leaf) for leaf in tree_leaves((args, kwargs)) if self._is_known(leaf)}
        under_way = recording.origins.in_flight()
        at = learning.begin(func, shape, given, under_way=under_way)
        before = recording.deciding
        named = bool(kwargs) and any(isinstance(leaf, Tensor) for leaf in tree_leaves(kwargs))
        named |= shape is None and bool(args) and isinstance(args[0], Tensor)  # of no plain shape
        entering = self._is_entry(func, args)
        touched = recording.origins.touched
        start = 0 if touched is None else len(touched)
        self.learnt = None
        result = self._look_on(func, args, kwargs)
        if touched is not None:
            learning.end(at, touched[start:])
        # Functions that it called itself, under the mode, are recorded as steps of their own.
        called = len(learning.steps) > at + 1
        if self.learnt is not None and not called:
            learning.steps[at] = learning.steps[at]._replace(memory=self.learnt)
        if entering or called or before != recording.deciding or (named and given):
            learning.telling.add(at)
        return result

    def _is_known(self, value: object) -> bool:
        """Whether anything is recorded about a tensor."""
        key = id(value)
        return key in self._begun or key in self._weights or key in self._constant

    def learn(self) -> None:
        """At the end of a pass: saves its calls as the expectation for the next one."""
        if self._learning is not None:
            steps = self._learning.plan(whole=bool(self.recording.unseen))
            learnt.learn(self.recording.root, self._key, steps)
            self._stop_learning()
        elif self._expected is not None and self._at < len(self._expected) - 1:
            learnt.forget(self.recording.root, self._key)

    def _look_on(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        if self._is_entry(func, args):
            self._entered = True
            self.recording.enter()
        handler = STARTS.get(func)
        begun = self._begun or self._weights
        if handler is None:
            if begun:
                handler = FOLLOWS.get(func)
            if handler is None and type(func) not in _FUNCTIONS and is_operator(func):
                handler = self._of_operator(func)
        known = self._known(args) if begun else None
        if handler is not None:
            result = self._look(handler, func, args, kwargs or {}, known)
        else:
            result = func(*args, **kwargs) if kwargs else func(*args)
            if known:
                self.recording.follow(known, func, args, result)
        if args and (type(args[0]) is nn.Parameter or id(args[0]) in self._constant):
            self.recording.constants.follow(args, kwargs or {}, result)
        return result

    def _known(self, args: Any) -> list[tuple[Tensor, Origin]]:
        """The tracked arguments, each with its current origin."""
        found = list[tuple[Tensor, Origin]]()
        for one in args:
            if type(one) in (list, tuple):
                found += self._known(one)
                continue
            for known in (self._begun, self._weights):
                entry = known.get(id(one))
                tensor = None if entry is None else entry[0]()
                if entry is not None and tensor is not None and tensor is one:
                    found.append((tensor, entry[1]))
        return found

    def _look(
        self,
        handler: Handler,
        func: Function,
        args: Any,
        kwargs: dict[str, Any],
        known: list[tuple[Tensor, Origin]] | None,
    ) -> Any:
        """Runs the function with its handler. A failure of the handler is noted and does not affect
        the network.
        """
        recording = self.recording
        before, running = recording.told, Running(func)
        recording.running, recording.given = func, args
        try:
            result = handler(self, running, args, kwargs)
        except Abandoned:
            raise
        except Exception as error:
            if recording.edits is not None or (running.begun and not running.ran):
                raise  # raised by the function itself or by an edit
            reason = f"looking at it failed: {type(error).__name__}: {error}".splitlines()[0]
            recording.miss("attention", func, reason)
            if not running.ran:
                return func(*args, **kwargs)
            result = running.result
        recording.given = ()
        if known:
            if recording.told > before:
                for _, origin in known:
                    if origin.start is not None:
                        origin.start.seen = True
            else:
                recording.follow(known, func, args, result)
        return result

    def _of_operator(self, op: Any) -> Handler | None:
        if op not in self._operators:
            self._operators[op] = handler_of(op, self.recording.kernels)
        return self._operators[op]


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside a `torch.compile` wrapper; any other network unchanged."""
    inner = dict(module._modules.items()).get("_orig_mod")  # TorchScript's has no get
    return module if inner is None else unwrapped(inner)


@contextmanager
def capture(
    module: nn.Module,
    *,
    features: bool = False,
    gradients: bool = False,
    kernels: Kernels | None = None,
    entries: bool = False,
    matrices: bool = False,
) -> Iterator[Recording]:
    """Record every attention, gate and spatial transformer that runs inside the `with`.

        with capture(model) as recording:
            logits = model(photos)
        recording.trace.sites

    The module runs unmodified on its fast path (fused attention stays fused) and computes the
    same bits as without capture. Nothing is installed on it: sites are recognised by the torch
    functions that are called (`models/kinds/registry.py`), their modules by the call stack.
    Works under inference_mode and under autograd (what is kept is detached), for batches, on any
    device and dtype, nested, and in several threads at once: a torch function mode belongs to its
    thread, and goes along into those that the network starts. What goes wrong in looking on is
    noted in `recording.unseen`; it is nothing to the network.

    features: keep the feature maps before each gate too, (batch, channel, row, column); they cost
    memory. gradients: keep what `Recording.differentiate` needs, the graph included. kernels:
    operators that attend and are not known (`kinds/attention/kernels.py`), each with an adapter
    from its arguments to an `Attention`. entries: note how the network was called, so that the
    call can be made again. matrices: where torch's kernel attends without a mask, write it out and
    keep the N×N matrix, which rounds otherwise; for passes that are made for a map alone.

    What `torch.compile` made runs eagerly inside the `with` (`tracing/compiled.py`), but for
    FlexAttention; TorchScript cannot be looked into, and is named in `unseen`.
    """
    named = {name_of(op): adapter for op, adapter in (kernels or {}).items()}
    recording = Recording(
        unwrapped(module),
        features=features,
        gradients=gradients,
        kernels=named,
        entries=entries,
        matrices=matrices,
    )
    for path, what, reason in scripted(recording.parts):
        recording.miss("part", what, reason, module=path)
    try:
        watch = _Watch(recording, learns=True)
        with watch:
            yield recording
        watch.learn()
    finally:
        recording.leave()
