"""The torch calls that led to a site and that followed it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """One call of a torch function.

    name: of the function, without underscores · module: path of the calling module · given: shapes
    of its tensor arguments · made: its result, None if very large · parameters: the network's
    parameters among its arguments.
    """

    name: str
    module: str
    given: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    made: Tensor | None
    parameters: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Called:
    """An operation during its pass.

    result: the tensor itself, so that its id is not reused; given: ids · factors: of a product that
    may be query times key.
    """

    operation: Operation
    result: Tensor
    given: frozenset[int]
    factors: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Workings:
    """before: for a gate, what led from the feature map to it; for a sampler, what led to its grid;
    for an attention computed by the network itself, what led from the query–key product to the
    softmax, exclusive · after: what the site's module did with the result · value: of an attention,
    (window, head, key, head_dim), None if its axes are unknown · factors: the operands of that
    product, as in the network.
    """

    before: tuple[Operation, ...]
    after: tuple[Operation, ...]
    value: Tensor | None = None
    factors: tuple[Tensor, ...] = ()
