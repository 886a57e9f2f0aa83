"""Parses the equation of an einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def spelled(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """(letters of each operand, letters of the result) in lower case; "..." expanded to capitals.

    ranks: number of axes of each operand. Raises ValueError if they do not match.
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    own = list(dict.fromkeys(letter for letter in left if letter not in ".,"))
    if not arrow:  # letters that occur once, in order
        once = sorted(letter for letter in own if left.count(letter) == 1)
        output = "..." * ("..." in left) + "".join(once)
    if len(own) > len(_LETTERS):
        raise ValueError(f"{equation!r} has more than {len(_LETTERS)} letters")
    small = str.maketrans(dict(zip(own, _LETTERS, strict=False)))
    left, output = left.translate(small), output.translate(small)
    letters = []
    for term, rank in zip(left.split(","), ranks, strict=True):
        hidden = rank - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            raise ValueError(f"{equation!r} does not fit operands of {list(ranks)} axes")
        letters.append(term.replace("...", "ZYXWVUTS"[:hidden][::-1]))
    longest = max(letters, key=lambda one: sum(map(str.isupper, one)))
    return letters, output.replace("...", "".join(filter(str.isupper, longest)))


def _of_numbers(args: Sequence[Any]) -> tuple[str, list[Any]]:
    """Converts einsum(q, [0, 1], k, [2, 1], [0, 2]) to an equation and its operands."""

    def term(axes: Sequence[Any]) -> str:
        return "".join("..." if axis is Ellipsis else chr(ord("A") + axis) for axis in axes)

    operands, axes = list(args[0 : len(args) - 1 : 2]), list(args[1::2])
    output = f"->{term(args[-1])}" if len(args) % 2 else ""
    return ",".join(map(term, axes)) + output, operands


def operands_of(args: Sequence[Any]) -> list[tuple[str, str, Tensor]]:
    """(own letters, the result's letters, operand) of each operand of an einsum call; empty if it
    is called in an unsupported form.
    """
    equation, *rest = args
    operands = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], list | tuple) else rest
    if isinstance(equation, Tensor) and len(args) > 1 and isinstance(args[1], list | tuple):
        equation, operands = _of_numbers(args)
    if not isinstance(equation, str) or not all(
        isinstance(operand, Tensor) for operand in operands
    ):
        return []
    letters, output = spelled(equation, [operand.ndim for operand in operands])
    return [(own, output, one) for own, one in zip(letters, operands, strict=True)]
