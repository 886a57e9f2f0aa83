"""Expresses every summing product of tensors as an einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.tracing.equations import operands_of, spelled

Operands = list[tuple[str, str, Tensor]]
"""(own letters, the result's letters, operand) of each factor; an einsum may have more than two."""


def _spelled(equation: str, one: Tensor, other: Tensor) -> Operands:
    (first, second), output = spelled(equation, (one.ndim, other.ndim))
    # Batch axes are aligned from the last one, as in broadcasting.
    return [(first, output, one), (second, output, other)]


def _matmul(one: Tensor, other: Tensor, *_: Any, **__: Any) -> Operands:
    if one.ndim == 1 or other.ndim == 1:
        left = "j" if one.ndim == 1 else "...ij"
        right = "j" if other.ndim == 1 else "...jk"
        output = "...i" * (one.ndim > 1) or "...k" * (other.ndim > 1)
        return _spelled(f"{left},{right}->{output}", one, other)
    return _spelled("...ij,...jk->...ik", one, other)


def _reversed_matmul(other: Tensor, one: Tensor) -> Operands:
    return _matmul(one, other)


def _added(bias: Any, one: Tensor, other: Tensor, *_: Any, **__: Any) -> Operands:
    return _matmul(one, other)


def _summed_batches(bias: Any, one: Tensor, other: Tensor, *_: Any, **__: Any) -> Operands:
    return _spelled("bij,bjk->ik", one, other)


def _inner(one: Tensor, other: Tensor, **_: Any) -> Operands:
    left, right = "abcdefgh"[: one.ndim - 1], "lmnopqrs"[: other.ndim - 1]
    return [(left + "z", left + right, one), (right + "z", left + right, other)]


def _tensordot(one: Tensor, other: Tensor, dims: Any = 2, **_: Any) -> Operands:
    if isinstance(dims, int):
        axes = list(range(one.ndim - dims, one.ndim)), list(range(dims))
    else:
        axes = tuple([part] if isinstance(part, int) else list(part) for part in dims)  # type: ignore[assignment]
    left, right = list("abcdefgh"[: one.ndim]), list("lmnopqrs"[: other.ndim])
    for first, second in zip(*axes, strict=True):
        right[second] = left[first]
    output = [letter for letter in left if letter not in right]
    output += [letter for letter in right if letter not in left]
    return [("".join(left), "".join(output), one), ("".join(right), "".join(output), other)]


def _linear(one: Tensor, weight: Tensor, bias: Any = None) -> Operands:
    rows = "n" * (one.ndim > 1)
    return _spelled(f"...{rows}i,oi->...{rows}o", one, weight)


def _einsum(*args: Any) -> Operands:
    operands = operands_of(args)
    return operands if len(operands) > 1 else []


def pairs_of(operands: Operands) -> list[Operands]:
    """Every pair of factors as a product of its own, in either order; letters shared with other
    factors count as part of the result.
    """
    found = []
    for i, (own, output, one) in enumerate(operands):
        for j, (other, _, more) in enumerate(operands):
            if i != j:
                rest = "".join(o for k, (o, _, _) in enumerate(operands) if k not in (i, j))
                left = output + "".join(letter for letter in rest if letter not in output)
                found.append([(own, left, one), (other, left, more)])
    return found


def _of(names: str, spell: Callable[..., Operands]) -> dict[Any, Callable[..., Operands]]:
    return {
        getattr(owner, name): spell
        for name in names.split()
        for owner in (Tensor, torch)
        if hasattr(owner, name)
    }


PRODUCTS: dict[Any, Callable[..., Operands]] = {
    **_of("matmul bmm mm mv __matmul__", _matmul),
    **_of("__rmatmul__", _reversed_matmul),
    **_of("baddbmm baddbmm_ addmm addmm_ addmv addmv_", _added),
    **_of("addbmm addbmm_", _summed_batches),
    **_of("inner", _inner),
    **_of("tensordot", _tensordot),
    torch.linalg.matmul: _matmul,
    torch.einsum: _einsum,
    F.linear: _linear,
}
"""The letters of each function, from its arguments."""


def product_of(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Operands:
    """The factors of a call with their letters; empty if it is not a product."""
    spell = PRODUCTS.get(func)
    if spell is None:
        return []
    named = {name: value for name, value in kwargs.items() if name != "out"}
    names = {"input": "one", "mat2": "other", "tensor2": "other", "other": "other", "b": "other"}
    operands = spell(*args, **{names.get(name, name): value for name, value in named.items()})
    return operands if all(isinstance(operand[2], Tensor) for operand in operands) else []
