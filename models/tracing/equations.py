"""Reading the equation of an einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def spelled(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """(the letters of each operand, the letters of the result), "..." spelled out in capitals.

    ranks: the number of axes of each operand. Raises ValueError where they do not fit.
    """
    terms, _, output = equation.replace(" ", "").partition("->")
    letters = []
    for term, rank in zip(terms.split(","), ranks, strict=True):
        hidden = rank - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise ValueError(f"{equation!r} does not fit operands of {list(ranks)} axes")
        letters.append(term.replace("...", "ZYXWVUTS"[:hidden][::-1]))
    longest = max(letters, key=lambda one: sum(map(str.isupper, one)))
    return letters, output.replace("...", "".join(filter(str.isupper, longest)))


def operands_of(args: Sequence[Any]) -> list[tuple[str, str, Tensor]]:
    """(own letters, the result's letters, operand) of each operand of a call of einsum; none where
    it is not called with an equation and tensors.
    """
    equation, *rest = args
    operands = rest[0] if len(rest) == 1 and isinstance(rest[0], list | tuple) else rest
    if not isinstance(equation, str) or not all(isinstance(one, Tensor) for one in operands):
        return []
    letters, output = spelled(equation, [one.ndim for one in operands])
    return [(own, output, one) for own, one in zip(letters, operands, strict=True)]
