"""Computations that resembled a site but did not become one, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from fovea.models.records import Unseen
from fovea.models.tracing.origins import Start

_PRODUCTS = {"mul", "mul_", "multiply", "addcmul", "__mul__", "__rmul__", "__imul__"}
_WEIGHING = {
    *("matmul", "bmm", "mm", "einsum", "baddbmm", "addbmm", "addmm", "tensordot", "inner", "mv"),
    *("linear", "__matmul__", "__rmatmul__", "sum", "cumsum", "scatter_add", "index_add"),
    *("conv1d", "conv2d", "conv3d", "fold", "bilinear", "sparse_mm", "spmm", "interpolate"),
}
_ANSWERS = {
    *("argmax", "argmin", "max", "min", "amax", "topk", "sort", "argsort", "log", "logit", "mean"),
    *("multinomial", "bernoulli", "nll_loss", "cross_entropy", "binary_cross_entropy", "kl_div"),
    *("gt", "ge", "lt", "le", "eq", "ne", "cpu", "numpy", "item", "tolist", "isnan", "isfinite"),
    *("isinf", "any", "all", "round", "entropy", "cat", "stack", "size", "dim", "numel"),
}
"""Functions applied to probabilities that are an answer or a decision."""

_WHAT: dict[str, Literal["attention", "gate", "sampler"]] = {
    "softmax": "attention",
    "factor": "gate",
    "affine-grid": "sampler",
}


def _reason(start: Start) -> str | None:
    """Why a start is not a site; None if it attends to nothing: an output or activation."""
    became = start.became
    if start.what == "softmax":
        if became in _PRODUCTS:
            return "a softmax multiplies, and what is summed afterwards was not followed"
        if start.multiplied:
            return "a softmax multiplies values that are not summed over what it normalised"
        if became in _WEIGHING:
            return f"a softmax goes into {became}, which does not sum over what it normalised"
        if not became or became.strip("_") in _ANSWERS:
            return None  # probabilities that are returned, ranked, or used in a loss
        return f"a softmax goes into {became}, and what becomes of it there is not followed"
    if start.what == "factor":
        if became == "strip":
            return (
                "it has one value for each row, or for each column, and no second factor has the "
                "others: half of a strip gate, or a gate on a map whose axes were turned"
            )
        if became in _PRODUCTS:
            if start.alike:
                return "it has one value for each entry, none for each channel or place (GLU)"
            return "what it multiplies has no axis of channels or places that it could be of"
        if became in _WEIGHING:
            return f"a sigmoid goes into {became}: no distribution over keys, no factor on a map"
        return None
    if "grid_sample" in became:
        return "its grid is the same for every photo"
    return f"its grid goes into {became}" if became else None


def unseen_of(starts: Iterable[Start], noted: Iterable[Unseen]) -> tuple[Unseen, ...]:
    """Starts that did not become sites and other notes, equal ones counted together."""
    missed = [
        Unseen(_WHAT[start.what], start.module, start.file, start.line, start.operation, reason)
        for start in starts
        if not start.seen and (reason := _reason(start)) is not None
    ]
    return _together((*noted, *missed), lambda one: one.module)


def summed(unseen: Iterable[Unseen]) -> tuple[Unseen, ...]:
    """Merges entries of the same source line, keeping the first module that ran it."""
    return _together(unseen, lambda one: "")


def _together(unseen: Iterable[Unseen], name: Callable[[Unseen], str]) -> tuple[Unseen, ...]:
    found: dict[tuple[object, ...], Unseen] = {}
    for one in unseen:
        key = (one.what, name(one), one.file, one.line, one.operation, one.reason)
        known = found.get(key)
        found[key] = one if known is None else replace(known, times=known.times + one.times)
    return tuple(found.values())
