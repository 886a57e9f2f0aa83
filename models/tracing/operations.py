"""The calls of torch functions that led to a site and that came after it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """One call of a torch function.

    name: of the function, without underscores · module: the path of the module that called it ·
    given: the shapes of the tensors it was given · made: what it gave, None where that is very
    large · parameters: those of the network that it used.
    """

    name: str
    module: str
    given: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    made: Tensor | None
    parameters: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Called:
    """An operation while its pass runs.

    result: the tensor itself, so that no other can take its identity; given: identities ·
    factors: of a product that may be that of queries and keys.
    """

    operation: Operation
    result: Tensor
    given: frozenset[int]
    factors: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Workings:
    """before: of a gate, what led from the feature map to it, in order; of a sampler, what led to
    its grid; of an attention whose network made the matrix itself, what led from the product of
    queries and keys to the softmax, without it · after: what the site's module did with the result
    · value: of an attention, (window, head, key, head_dim), None where its axes are not known ·
    factors: what that product is of, as the network had them.
    """

    before: tuple[Operation, ...]
    after: tuple[Operation, ...]
    value: Tensor | None = None
    factors: tuple[Tensor, ...] = ()
