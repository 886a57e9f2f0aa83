"""The calls that led to one site and followed it, with their results.

The same pass as capture's, but recording more about a single site. A gate is traced back, by tensor
identity, to the feature map that it multiplies; so the steps are those that actually ran, whatever
the module is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from fovea.models.capture.recorder import _Watch
from fovea.models.kinds.attention import fused
from fovea.models.kinds.attention.weighing import weighing_of
from fovea.models.kinds.registry import SITE_KINDS, STARTS
from fovea.models.records import Kind
from fovea.models.tracing.call_stack import calling_module
from fovea.models.tracing.operations import Called, Operation, Workings
from fovea.models.tracing.products import PRODUCTS
from fovea.models.tracing.recording import Recording
from fovea.models.tracing.tensors import four_axes

LARGEST = 2**22
"""Of larger tensors only the shape is recorded."""

MOST = 2**25
"""Maximum number of recorded entries: a network that is one large module is recorded whole."""

AFTER = 16
"""Number of calls recorded after the site."""

_SCORING = ("matmul", "bmm", "einsum")
"""Names of functions that multiply queries with keys."""


class _Noting(_Watch):
    """Watches as capture does, and records the calls of the module `name` until it returns."""

    def __init__(self, recording: Recording, index: int, name: str, kind: Kind) -> None:
        super().__init__(recording, fused=False)  # fused kernels would hide the steps
        self.index, self.name, self.kind = index, name, kind
        self._weighs = SITE_KINDS[kind].claim == "attention"
        self.calls: list[Called] = []
        self._led: tuple[Operation, ...] = ()
        self._factors: tuple[Tensor, ...] = ()
        self._found: int | None = None
        self._value: Tensor | None = None
        self._left = False
        self._room = MOST

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._left:
            return super().__torch_function__(func, types, args, kwargs)
        module = calling_module(self.recording.paths)
        if self.name and module != self.name and not module.startswith(f"{self.name}."):
            self._left = self._found is not None
            return super().__torch_function__(func, types, args, kwargs)
        weighed = self._weighed(func, args, kwargs or {})
        known = len(self.recording.calls)
        result = super().__torch_function__(func, types, args, kwargs)
        if self._found is None and known <= self.index < len(self.recording.calls):
            self._value = weighed
            led = SITE_KINDS[self.kind].leading(self.calls, args)
            self._led = tuple(call.operation for call in led)
            self._factors = led[0].factors if led else ()
            self._found = len(self.calls) + 1  # the position after this call
        if isinstance(result, Tensor):
            self._note(func, module, args, kwargs or {}, result)
        elif isinstance(result, tuple | list) and self._found is None:  # split, chunk, unbind
            for part in result:
                if isinstance(part, Tensor):
                    self._note(func, module, args, kwargs or {}, part)
        return result

    def _weighed(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor | None:
        """The values of an attention, (window, head, key, head_dim), if this call applies its
        weights.
        """
        if not self._weighs or self._found is not None:
            return None
        if STARTS.get(func) is fused.on_attention:
            value: Tensor = kwargs["value"] if "value" in kwargs else args[2]
            return four_axes(value.detach().clone())
        if func not in PRODUCTS:
            return None
        weighing = weighing_of(self.recording.origins, func, args, kwargs)
        heads = self.recording.folded_heads
        return None if weighing is None else weighing.arranged_values(heads)

    def _note(self, func: Any, module: str, args: Any, kwargs: Any, result: Tensor) -> None:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        told = result.numel() <= min(LARGEST, self._room)
        self._room -= result.numel() if told else 0
        operation = Operation(
            name=func.__name__.strip("_"),
            module=module,
            given=tuple(tuple(one.shape) for one in given),
            shape=tuple(result.shape),
            made=result.detach().clone() if told else None,
            parameters=tuple(one.detach() for one in given if isinstance(one, nn.Parameter)),
        )
        scoring = self._weighs and self._found is None and operation.name in _SCORING
        factors = tuple(one.detach() for one in given) if scoring else ()
        self.calls.append(Called(operation, result, frozenset(map(id, given)), factors))
        self._left = self._found is not None and len(self.calls) >= self._found + AFTER

    def finish(self) -> Workings | None:
        """The record; None if the pass did not reach the site."""
        if self._found is None:
            return None
        after = tuple(call.operation for call in self.calls[self._found :])
        self.calls.clear()
        return Workings(self._led, after, self._value, self._factors)


@contextmanager
def workings(module: nn.Module, index: int, name: str, kind: Kind) -> Iterator[_Noting]:
    """Records how site number `index`, with this name and kind, computes its result.

    Use like `capture`; call `finish()` afterwards.
    """
    recording = Recording(module, features=False, gradients=False)
    noting = _Noting(recording, index, name, kind)
    with noting:
        yield noting
