"""The state of one watched pass: its sites, and where its tensors came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import RLock, get_ident
from types import TracebackType
from typing import Any, Literal, Protocol
from weakref import proxy, ref

import torch
from torch import Tensor, nn

from fovea.models.records import (
    Attention,
    Kind,
    Site,
    Tensors,
    Trace,
    Unseen,
)
from fovea.models.tracing import editing
from fovea.models.tracing.audit import unseen_of
from fovea.models.tracing.call_stack import (
    call_of,
    calling_module,
    place_in_code,
    structure_of,
)
from fovea.models.tracing.constants import Constants
from fovea.models.tracing.entry import Entries, Entry
from fovea.models.tracing.origins import Origin, Origins, Start
from fovea.models.tracing.stopping import check
from fovea.models.tracing.tensors import is_wrapped, unwrapped

_ACTIVATIONS = {"sigmoid", "hardsigmoid", "expit", "special_expit"}

_PARTS = {"getitem", "narrow", "select", "split", "chunk", "unbind", "slice"}

_TIMES = {"mul", "multiply", "rmul", "imul"}

_BY_INDEX = {"index_add", "scatter_add", "scatter_reduce", "index_reduce", "segment_reduce"}

_CHANGES = {
    *("tril", "triu", "where", "pow", "square", "sqrt", "relu", "threshold", "clamp", "clip"),
    *("roll", "flip", "sort", "index_fill", "scatter", "masked_scatter", "index_select", "rpow"),
}
"""Elementwise functions after which a distribution may still be one; its values decide."""


def name_of(func: Any) -> str:
    """The name of a function or operator; overloads share one."""
    name = getattr(func, "__name__", None) or str(func)
    return name if "::" in name else name.partition(".")[0]


class Recording:
    """The state of one `capture`; `trace` may be read during and after the `with`."""

    def __init__(
        self,
        module: nn.Module,
        *,
        features: bool,
        gradients: bool,
        kernels: Mapping[str, Callable[..., Attention]] | None = None,
        entries: bool = False,
        matrices: bool = False,
    ) -> None:
        self.features, self.gradients, self.matrices = features, gradients, matrices
        # User-defined operators by name, in addition to the known ones.
        self.kernels = kernels or {}
        # Not a bound method: a recording is freed as soon as nobody references it.
        self.origins = Origins(partial(Recording._begin, proxy(self)))
        structure = structure_of(module)
        self.parts = [("", module), *structure.rest]
        self.paths = structure.paths
        self.constants = Constants(part for _, part in self.parts)
        # The function that the network is calling now.
        self.running: Any = None
        self.given: Sequence[Any] = ()
        # Number of heads that the running function has folded into the batch axis, if known.
        self.folded_heads: int | None = None
        # For each site, how the network was entered when it was found, if requested: the same
        # object for all sites of one call.
        self.calls: list[Entry | None] = []
        # Compiled functions that run eagerly.
        self.ran_eagerly: set[str] = set()
        self.root = module
        # What another thread of the same call was started by: (module path, entry), by thread.
        self.carried: dict[int, tuple[str, Entry | None]] = {}
        # The scores of the last softmax and its axis, for edits of what it gave.
        self.softmaxed: tuple[Tensor | None, int] = (None, 0)
        plan = editing.active()
        self.edits = None if plan is None else editing.Lookup(plan)
        self._entries = Entries(self.parts) if entries else None
        self._sites: list[Site] = []
        self._starts: list[Start] = []
        self._missed: list[Unseen] = []
        self._learned: set[int] | None = None
        self._lock = RLock()
        self._differentiable: dict[int, tuple[Tensor, Callable[[Tensor], Tensor]]] = {}

    @property
    def trace(self) -> Trace:
        return Trace(tuple(self._sites), self.unseen)

    @property
    def unseen(self) -> tuple[Unseen, ...]:
        """Computations that resemble attention, a gate or a sampler but are not sites."""
        return unseen_of(self._starts, self._missed)

    def add(
        self,
        kind: Kind,
        tensors: Tensors,
        differentiable: Tensor | None = None,
        arrange: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        note: str | None = None,
        part: str = "",
    ) -> None:
        """Appends a site, named after the module that is running.

        differentiable: the graph tensor whose gradient belongs to the site; arrange: from its shape
        to the record's. note: what readers of its values must know. part: of the running module,
        where its kernel computes what that part would.
        """
        check()
        wrapped = {
            name: unwrapped(value)
            for name in tensors.__dataclass_fields__
            if isinstance(value := getattr(tensors, name), Tensor) and is_wrapped(value)
        }
        if wrapped:
            changes: Any = wrapped
            tensors = replace(tensors, **changes)
        with self._lock:  # a network may attend in several threads
            if self.gradients and differentiable is not None and differentiable.requires_grad:
                self._differentiable[len(self._sites)] = differentiable, arrange
            self.calls.append(self.enter())
            name = self.module()
            if part and (inner := f"{name}.{part}".strip(".")) in self.paths.values():
                name = inner
            self._sites.append(
                Site(
                    id=f"s{len(self._sites):02d}",
                    kind=kind,
                    layer=sum(site.kind == kind for site in self._sites),
                    name=name,
                    tensors=tensors,
                    note=note,
                )
            )

    def module(self) -> str:
        """The path of the module that is running on this thread."""
        path = calling_module(self.paths)
        if not path and self.carried:
            return self.carried.get(get_ident(), ("", None))[0]
        return path

    def _begin(self, origin: Origin) -> Start | None:
        what = name_of(self.running).strip("_")
        if origin.produced_by not in ("softmax", "affine-grid") and what not in _ACTIVATIONS:
            return None
        file, line = place_in_code()
        first = self.given[0] if self.given else None
        source = ref(first) if isinstance(first, Tensor) else None
        start = Start(origin.produced_by, what, self.module(), file, line, source)
        self._starts.append(start)
        return start

    def miss(
        self,
        what: Literal["attention", "gate", "sampler", "part"],
        operation: Any,
        reason: str,
        module: str | None = None,
    ) -> None:
        """Reports a computation that is not a site.

        module: its path, if not the one on the call stack.
        """
        file, line = ("", 0) if module is not None else place_in_code()
        where = self.module() if module is None else module
        self._missed.append(Unseen(what, where, file, line, name_of(operation), reason))

    def is_learned(self, tensor: Tensor) -> bool:
        """Whether a tensor is a parameter or buffer of the network, or a view of one."""
        if self.constants.holds(tensor):
            return True
        if self._learned is None:
            held = (*self.root.parameters(), *self.root.buffers())
            self._learned = {one.untyped_storage().data_ptr() for one in held}
        return not is_wrapped(tensor) and tensor.untyped_storage().data_ptr() in self._learned

    @property
    def told(self) -> int:
        """The number of sites and of reported non-sites."""
        return len(self._sites) + len(self._missed)

    @property
    def deciding(self) -> int:
        """Grows with sites, reports, and value-dependent decisions."""
        return self.told + self.origins.judged

    def note_touched(self, touched: list[int] | None) -> None:
        """Collects the ids of tensors about which something is recorded."""
        self.origins.touched = self.constants.touched = touched

    def follow(
        self, known: Sequence[tuple[Tensor, Origin]], func: Any, args: Any, result: Any
    ) -> None:
        """Updates origins after a call that made no site."""
        made = result if isinstance(result, tuple | list) else [result]
        made = [one for one in made if isinstance(one, Tensor)]
        for tensor, origin in known if made else ():
            if origin.size < 0:
                for one in made:
                    self._follow_weights(tensor, origin, func, one)
                continue
            start, after = origin.start, self.origins.get(made[0])
            if start is not None and after is not None and after.produced_by == "weighted":
                start.multiplied = True
            if after is not None and start is not None and after.start is None:
                if after.produced_by == "strip":  # unless another strip completes it
                    start.became = "strip"
                self.origins.set(made[0], replace(after, start=start))
            elif after is None:
                if origin.produced_by == "softmax" and name_of(func).strip("_") in _CHANGES:
                    self._follow_softmax(tensor, origin, func, made[0])
                elif start is not None and not start.became:
                    source = start.source and start.source()
                    others = [
                        argument
                        for argument in args
                        if isinstance(argument, Tensor) and argument is not tensor
                    ]
                    start.seen |= any(other is source for other in others)  # x·σ(x), an activation
                    start.became = name_of(func)
                    start.alike = any(other.shape == tensor.shape for other in others)

    def _follow_weights(self, tensor: Tensor, origin: Origin, func: Any, made: Tensor) -> None:
        name, known = name_of(func).strip("_"), self.origins.get(made)
        if origin.produced_by == "weighted" and name in _BY_INDEX:
            self.miss("attention", func, "weighed values are summed by index, as over edges")
        if origin.produced_by == "weighted" or (known and known.produced_by == "softmax"):
            return
        if made.numel() == tensor.numel() and name in _TIMES and made.shape == tensor.shape:
            # Changed weights, or weights for each channel of the values times these.
            self.origins.set(made, replace(origin, factor=tensor))
        elif made.numel() == tensor.numel() or (made.numel() < tensor.numel() and name in _PARTS):
            self.origins.set(
                made, replace(origin, factor=None) if origin.factor is not None else origin
            )
        elif made.ndim == tensor.ndim and name in _TIMES:
            # Individually weighted values, yet to be summed.
            self.origins.set(made, Origin("weighted", size=-1, factor=tensor))

    def _follow_softmax(self, tensor: Tensor, origin: Origin, func: Any, made: Tensor) -> None:
        if made.shape != tensor.shape:
            return
        axis = origin.axis(tensor)
        if axis is not None and name_of(func) in ("tril", "triu", "where"):
            self.origins.set(made, origin.along(made, axis, changed=True))
        else:
            weights = Origin("weights", size=-1, changed=True, start=origin.start)
            self.origins.set(made, weights)

    def change(self, kind: Kind) -> Any:
        """The edit's change at the site of this kind that was just recognised, or None.

        Call it once for every site, before `add`.
        """
        return None if self.edits is None else self.edits.next(kind)

    def note_edit(self, sentence: str) -> None:
        """Adds a remark on the edited pass."""
        assert self.edits is not None
        self.edits.plan.note(sentence)

    def enter(self) -> Entry | None:
        """Records how the network was entered, if requested. Call it early: a method's arguments
        are read from its local variables, before it changes them.
        """
        if self._entries is None:
            return None
        if self.carried and get_ident() in self.carried:
            return self.carried[get_ident()][1]
        return self._entries.now()

    def leave(self) -> None:
        """At the end of a pass: drops what call frames keep alive."""
        if self._entries is not None:
            self._entries.forget_frames()

    def photos(self) -> int | None:
        """The batch size: how many photos the network received together; None if unknown."""
        call = call_of(self.root)
        given = () if call is None else (*call.args, *call.kwargs.values())
        pictures = (one for one in given if isinstance(one, Tensor) and one.ndim == 4)
        picture = next(pictures, None)
        return None if picture is None else picture.shape[0]

    def differentiate(self, target: Tensor) -> Trace:
        """The trace with the gradients of a scalar `target` filled in; frees the graph.

        One backward pass gives ∂target/∂(A·V) at every fused attention, from which ∂target/∂A
        follows one row at a time, and ∂target/∂A itself where the network computed the matrix.
        Raises ValueError unless `capture` was asked for gradients and the forward pass built a
        graph (some input or parameter requires grad, no inference_mode).
        """
        if not self.gradients:
            raise ValueError("gradients were not asked for: capture(module, gradients=True)")
        if not self._differentiable:
            raise ValueError("nothing to differentiate: let the input require grad")
        return self.differentiate_from([target], [torch.ones_like(target)], [])[1]

    def differentiate_only(self, ids: Collection[str]) -> None:
        """Skips the gradients of other sites, which would extend the backward pass."""
        for index in [i for i in self._differentiable if self._sites[i].id not in ids]:
            del self._differentiable[index]

    def differentiate_from(
        self, outputs: Sequence[Tensor], gradients: Sequence[Tensor], roots: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], Trace]:
        """(gradients of `roots`, trace with gradients), given the gradients of `outputs`.

        One pass serves both; the graph is freed. Tensors without influence get zero gradients.
        """
        tensors = [tensor for tensor, _ in self._differentiable.values()]
        if not roots and not tensors:
            return (), self.trace
        found = torch.autograd.grad(
            outputs, [*roots, *tensors], gradients, allow_unused=True, materialize_grads=True
        )
        sites = list(self._sites)
        for index, gradient in zip(self._differentiable, found[len(roots) :], strict=True):
            _, arrange = self._differentiable[index]
            sites[index] = _with_gradient(sites[index], arrange(gradient).detach())
        self._differentiable.clear()
        return found[: len(roots)], Trace(tuple(sites), self.unseen)


def _with_gradient(site: Site, gradient: Tensor) -> Site:
    attention = site.attention
    if attention.probabilities is None:
        return replace(site, tensors=replace(attention, output_gradient=gradient))
    return replace(site, tensors=replace(attention, probabilities_gradient=gradient))


class Watch(Protocol):
    """A handler's arguments: the recording, and a mode that it may enter again."""

    recording: Recording
    memory: Any
    """What a handler learned of this call in an earlier pass; None if it must inspect it."""
    learnt: Any
    """What a handler must know of this call in a later pass."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None: ...
