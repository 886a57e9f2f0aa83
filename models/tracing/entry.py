"""How a network was entered: the outermost call, its arguments, and the state in which it began.

Users call `model(x)`, but also `model.forward_features(x)`, `model.encode_image(x)`,
`model.vision_model(x)` or `model.generate(…)`. In each case its frame is on the stack: the
outermost one that runs a method of the network or of a part of it. With the arguments and the
initial state (random numbers, buffers, caches) the call can be repeated exactly.
"""

from __future__ import annotations

import copy
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from types import CodeType, FrameType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from fovea.models.tracing.call_stack import Parts, module_paths

_CALL = nn.Module._call_impl.__code__


_Methods = dict[CodeType, list[tuple[str, types.FunctionType]]]


def _methods_of(kind: type) -> _Methods:
    """The methods that a module class adds to `nn.Module`, by code object: that of a decorator,
    which several methods share, and that of the decorated function.
    """
    if kind in _known_methods:
        return _known_methods[kind]
    found: _Methods = {}
    for base in kind.__mro__:
        if base in (nn.Module, object):
            continue
        for name, value in vars(base).items():
            if name == "__init__":
                continue
            function = getattr(value, "__func__", value)
            while function is not None:
                if isinstance(function, types.FunctionType):
                    found.setdefault(function.__code__, []).append((name, function))
                function = getattr(function, "__wrapped__", None)
    return _known_methods.setdefault(kind, found)


_known_methods: WeakKeyDictionary[type, _Methods] = WeakKeyDictionary()


def _name_of(kind: type, frame: FrameType) -> str | None:
    """Which method of a class a frame runs; None if ambiguous.

    Everything that a decorator wraps has the same code; the closures differ.
    """
    code, values = frame.f_code, frame.f_locals
    for name, function in _methods_of(kind).get(code, ()):
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        if all(values.get(variable) is cell.cell_contents for variable, cell in cells):
            return name
    return None


def _numpy_random() -> Any:
    """NumPy's random state, if NumPy is imported."""
    return getattr(sys.modules.get("numpy"), "random", None)


@dataclass(frozen=True, slots=True)
class RandomState:
    """The random state of torch on every device, of Python and of NumPy."""

    torch: Tensor
    cuda: tuple[Tensor, ...]
    python: Any
    numpy: Any

    @staticmethod
    def now() -> RandomState:
        on_cuda = torch.cuda.is_initialized()
        return RandomState(
            torch.get_rng_state(),
            tuple(torch.cuda.get_rng_state_all()) if on_cuda else (),
            random.getstate(),
            None if (numpy := _numpy_random()) is None else numpy.get_state(),
        )

    def moved_outside_torch(self) -> bool:
        """Whether Python or NumPy have drawn numbers since."""
        numpy = _numpy_random()
        if numpy is not None and self.numpy is not None:
            (_, keys, *rest), (_, then, *before) = numpy.get_state(), self.numpy
            if rest != before or keys.tobytes() != then.tobytes():
                return True
        return bool(random.getstate() != self.python)

    def set(self) -> None:
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(list(self.cuda))
        random.setstate(self.python)
        numpy = _numpy_random()
        if numpy is not None and self.numpy is not None:
            numpy.set_state(self.numpy)


@dataclass(eq=False, slots=True)
class Entry:
    """One call of a network from outside.

    path: of the called module, "" for the network itself; method: the called method, None for the
    call itself. args, kwargs: its arguments; objects that hold tensors (caches) as they were then.
    buffers: (module path, name) → the tensor at that time. late: the call was noticed too late to
    be sure of its arguments. frame: of the call, while it may still run.
    """

    path: str
    method: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    random: RandomState
    buffers: dict[tuple[str, str], Tensor]
    late: bool = False
    frame: FrameType | None = field(default=None, repr=False)


class Entries:
    """Recognises calls of one network and remembers the current one."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._paths = parts, module_paths(parts)
        self._codes: frozenset[CodeType] | None = None
        self._now: Entry | None = None

    def _known(self) -> frozenset[CodeType]:
        if self._codes is None:
            kinds = {type(part) for _, part in self._parts}
            self._codes = frozenset({_CALL}).union(*[set(_methods_of(kind)) for kind in kinds])
        return self._codes

    def now(self) -> Entry | None:
        """The call of the network that this thread is in; None outside of all."""
        codes, found = self._known(), []
        running = None if self._now is None else self._now.frame
        frame: FrameType | None = sys._getframe(1) if running is not None else None
        while frame is not None:
            if frame is running:
                return self._now
            frame = frame.f_back
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code in codes:
                found.append(frame)
            frame = frame.f_back
        for outer in reversed(found):
            entry = self._entry_of(outer)
            if entry is not None:
                entry.late = self._now is not None and entry.method is not None
                self._now = entry
                return entry
        return None

    def _entry_of(self, frame: FrameType) -> Entry | None:
        code, values = frame.f_code, frame.f_locals
        if code is _CALL:
            module, method = values["self"], None
            args, kwargs = values["args"], values["kwargs"]
        else:
            names = code.co_varnames[: code.co_argcount]
            module = values.get(names[0]) if names else None
            method = _name_of(type(module), frame)
            if method is None:
                return None
            args, kwargs = _given(code, values)
        path = self._paths.get(id(module))
        if path is None or not isinstance(module, nn.Module):
            return None
        return Entry(
            path,
            method,
            tuple(as_it_is(value) for value in args),
            {name: as_it_is(value) for name, value in kwargs.items()},
            RandomState.now(),
            {
                (path, name): buffer
                for path, part in self._parts
                if part._buffers
                for name, buffer in part._buffers.items()
                if buffer is not None
            },
            frame=frame,
        )

    def forget_frames(self) -> None:
        """Drops the running call's frame and what it keeps alive."""
        if self._now is not None:
            self._now.frame = None
        self._now = None


def _given(code: CodeType, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a method, from the variables of its frame."""
    positional = code.co_varnames[1 : code.co_argcount]
    end = code.co_argcount + code.co_kwonlyargcount
    named = code.co_varnames[code.co_argcount : end]
    args = tuple(values[name] for name in positional if name in values)
    kwargs = {name: values[name] for name in named if name in values}
    rest = list(code.co_varnames[end:])
    if code.co_flags & 0x04:  # *args
        args += tuple(values.get(rest.pop(0), ()))
    if code.co_flags & 0x08:  # **kwargs
        kwargs |= values.get(rest.pop(0), {})
    return args, kwargs


# Copies -------------------------------------------------------------------------------------------

_PLAIN = (str, bytes, int, float, complex, bool, type(None), Enum, torch.dtype, torch.device)


def _copied(value: Any, of_tensor: Callable[[Tensor], Any], memo: dict[int, Any]) -> Any:
    """Copies containers and objects that hold tensors; other objects are returned as they are."""
    if isinstance(value, (*_PLAIN, type, types.ModuleType, nn.Module)):
        return value
    if id(value) in memo:
        return memo[id(value)][1]
    copied: Any = value
    if isinstance(value, Tensor):
        copied = of_tensor(value)
    elif isinstance(value, torch.Generator):
        copied = torch.Generator(value.device)
        copied.set_state(value.get_state())
    elif isinstance(value, random.Random) or _is_numpy_random(value):
        copied = copy.deepcopy(value)
    elif isinstance(value, Iterator):
        with suppress(TypeError):  # a generator, a file: there is only this one
            copied = copy.copy(value)
    elif type(value) in (list, set):
        copied = type(value)(_copied(part, of_tensor, memo) for part in value)
    elif isinstance(value, tuple):
        parts = [_copied(part, of_tensor, memo) for part in value]
        copied = type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    elif isinstance(value, dict):
        copied = copy.copy(value)
        for name, part in value.items():
            copied[name] = _copied(part, of_tensor, memo)
    elif _keeps_tensors(value, set()):
        copied = copy.copy(value)
        for name, part in vars(value).items():
            object.__setattr__(copied, name, _copied(part, of_tensor, memo))
    memo[id(value)] = value, copied  # keeps the original, so that its id is not reused
    return copied


def _is_numpy_random(value: Any) -> bool:
    """Whether it is one of NumPy's generators of random numbers."""
    numpy = _numpy_random()
    return numpy is not None and isinstance(value, numpy.Generator | numpy.RandomState)


def _keeps_tensors(value: Any, seen: set[int]) -> bool:
    if isinstance(value, Tensor | torch.Generator | random.Random) or _is_numpy_random(value):
        return True
    if isinstance(value, (*_PLAIN, type, types.ModuleType, nn.Module)):
        return False
    if callable(value) or id(value) in seen:
        return False
    seen.add(id(value))
    if isinstance(value, list | tuple | set):
        return any(_keeps_tensors(part, seen) for part in value)
    if isinstance(value, dict):
        return any(_keeps_tensors(part, seen) for part in value.values())
    return hasattr(value, "__dict__") and _keeps_tensors(vars(value), seen)


def with_tensors(value: Any, of_tensor: Callable[[Tensor], Any]) -> Any:
    """A copy in which each tensor is replaced by `of_tensor` of it."""
    return _copied(value, of_tensor, {})


def as_it_is(value: Any) -> Any:
    """A copy unaffected by later appending and replacing; its tensors are shared."""
    return _copied(value, lambda tensor: tensor, {})


def apart(value: Any) -> Any:
    """A copy with its own tensors, so that writing into it does not change the original."""
    return _copied(value, lambda tensor: tensor.detach().clone(), {})


_FRAMEWORK = {"training", "_parameters", "_modules", "_buffers", "_non_persistent_buffers_set"}


@contextmanager
def as_then(root: nn.Module, entry: Entry) -> Iterator[None]:
    """During the `with` random numbers and buffers are as they were when the network was entered;
    afterwards random numbers, buffers and module attributes are restored.
    """
    now = RandomState.now()
    kept = [(part, dict(vars(part)), name) for name, part in root.named_modules()]
    try:
        for part, values, path in kept:
            buffers = {
                name: None if one is None else entry.buffers.get((path, name), one).detach().clone()
                for name, one in part._buffers.items()
            }
            part.__dict__["_buffers"] = buffers
            for name, value in values.items():
                if name not in _FRAMEWORK and not name.endswith("_hooks"):
                    if isinstance(value, types.GeneratorType):
                        raise ValueError(f"it keeps a generator ({name}), which cannot run twice")
                    part.__dict__[name] = apart(value)
        entry.random.set()
        yield
    finally:
        now.set()
        for part, values, _ in kept:
            for name in [name for name in vars(part) if name not in values]:
                del part.__dict__[name]
            part.__dict__.update(values)
