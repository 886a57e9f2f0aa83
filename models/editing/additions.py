"""Edits of sums: an attention's addition to the residual stream, and positional encodings.

One pass beforehand finds both: which sum, counted within its module, and which of its two operands
stays or changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture.stream import Summing
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.places.given import tensors_in
from fovea.models.places.positions import Positions
from fovea.models.records import Site
from fovea.models.tracing.call_stack import calling_module
from fovea.models.tracing.recording import Recording

ADDS = frozenset(
    getattr(owner, name)
    for name in ("add", "add_", "__add__", "__radd__", "__iadd__")
    for owner in (Tensor, torch)
    if hasattr(owner, name)
)

Sum = tuple[str, int]
"""(path of the module, number of two-tensor sums that it has made in this pass)."""


def is_sum(func: Any, args: Sequence[Any]) -> bool:
    """Whether a torch function adds two tensors, in place or not."""
    return (
        func in ADDS and len(args) == 2 and all(isinstance(argument, Tensor) for argument in args)
    )


class _Locating(Summing):
    """Records where in the network each addition to the stream happens."""

    def __init__(self, recording: Recording, given: Sequence[Tensor], site: Site) -> None:
        tokens = site.attention.shape[2]
        super().__init__(recording, given, tokens, site.prefix_tokens)
        self.sums: dict[int, tuple[Sum, int]] = {}
        self._counts: Counter[str] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if not is_sum(func, args):
            return super().__torch_function__(func, types, args, kwargs)
        path = calling_module(self.recording.paths)
        where, copies = (path, self._counts[path]), [argument.detach().clone() for argument in args]
        self._counts[path] += 1
        known = len(self.found)
        result = super().__torch_function__(func, types, args, kwargs)
        if len(self.found) > known and (site := self.found[-1].site) is not None:
            before = self.found[-1].before
            rows = [self._tokens(copy) for copy in copies]
            stood = [
                number
                for number, one in enumerate(rows)
                if one is not None
                and torch.allclose(self._all(one.float().norm(dim=1)), before, equal_nan=True)
            ]
            if stood:
                self.sums[site] = where, stood[0]
        return result


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """A call of a network with one photo, that can be made again and again.

    run: the network, a part of it or one of its methods · given: what it is called with, (args,
    kwargs), anew each time.
    """

    run: Callable[..., Any]
    given: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]


def sums_of(
    module: nn.Module, call: Call, sites: Sequence[Site], numbers: Mapping[str, int]
) -> dict[Sum, int]:
    """For each sum that adds the output of one of these attentions: index of the stream's operand.

    numbers: index of each site in the trace. Raises RefusedEdit if an attention's addition could
    not be traced.
    """
    found: dict[Sum, int] = {}
    for site in sites:
        args, kwargs = call.given()
        tensors = list(tensors_in([args, kwargs]))
        locating = _Locating(Recording(module, features=False, gradients=False), tensors, site)
        with torch.no_grad(), locating:
            call.run(*args, **kwargs)
        place = locating.sums.get(numbers[site.id])
        if place is None:
            raise RefusedEdit(
                f"What site {site.id} ({site.name}) adds to the residual stream could not be "
                "followed.",
                "off, for all its heads, leaves only what its last bias adds.",
            )
        found[place[0]] = place[1]
    return found


# --- positions ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class NewPositions:
    """Vectors that are added to tokens, and their replacements: (token, dim)."""

    known: Tensor
    instead: Tensor

    def replaced(self, added: Any) -> Tensor | None:
        """The tensor with its vectors replaced if it holds these; else None."""
        if not isinstance(added, Tensor) or added.numel() != self.known.numel():
            return None
        known, instead = (one.to(added) for one in (self.known, self.instead))
        for there, other in ((known, instead), (known.T, instead.T)):
            if torch.equal(added.reshape(there.shape), there):
                return other.reshape(added.shape)
        return None


def new_positions(edits: Sequence[Edit], found: Sequence[Positions]) -> tuple[NewPositions, ...]:
    """The replacement for the network's positions; raises RefusedEdit if it adds none."""
    if edits and not found:
        raise RefusedEdit(
            "This network adds no vectors that tell tokens their place.",
            "Relative biases and rotations are part of its attention; edit that.",
        )
    changed = []
    for one in found:
        instead = one.vectors
        for edit in edits:
            if edit.edit == "positions-off":
                instead = torch.zeros_like(instead)
                continue
            placed = (one.cells.cells[0] >= 0).nonzero().flatten()
            generator = torch.Generator().manual_seed(edit.seed or 0)
            shuffled = placed[torch.randperm(len(placed), generator=generator)]
            instead = instead.clone()
            instead[placed] = instead[shuffled]
        changed.append(NewPositions(one.vectors, instead))
    return tuple(changed)
