"""Named arrays → the bytes of a representation: JSON, npy, safetensors (PNG: render.py)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors.numpy import save

from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.problems import TooLargeForJson

BYTES_PER_VALUE = 2
"""Minimum bytes of a number in JSON with its comma: lets an oversized answer be refused early."""


def to_json(array: NamedArray, budget_bytes: int) -> bytes:
    """Values nested as `axes` says; NaN and infinity, which JSON lacks, become null and are
    counted.
    """
    check_budget(array.values.size * BYTES_PER_VALUE, budget_bytes)
    encoded = orjson.dumps(
        {
            **array.about,
            "sentence": array.sentence,
            "axes": array.axes,
            "shape": array.values.shape,
            array.name: np.ascontiguousarray(array.values),
            "prefix_values": None if array.prefix is None else np.ascontiguousarray(array.prefix),
            "non_finite": int(np.count_nonzero(~np.isfinite(array.values))),
            **{name: np.ascontiguousarray(values) for name, (values, _) in array.more.items()},
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    check_budget(len(encoded), budget_bytes)
    return encoded


def check_budget(actual: int, budget_bytes: int, form: str = "JSON") -> None:
    """Raises TooLargeForJson if that many bytes exceed the client's limit for text."""
    if actual > budget_bytes:
        raise TooLargeForJson(
            f"As {form} this array would be larger than {budget_bytes:,} bytes.",
            limit=budget_bytes,
            actual=actual,
        )


def to_npy(array: NamedArray) -> bytes:
    """The array as numpy.load reads it."""
    return array_to_npy(array.values)


def array_to_npy(values: NDArray[Any]) -> bytes:
    """The array as numpy.load reads it, whatever its type."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def to_csv(array: NamedArray, budget_bytes: int) -> bytes:
    """One line for each value, after its indices; the first line names the columns.

    Other arrays over the same axes become further columns.
    """
    same = (array.values.shape, tuple(array.axes))
    beside = {name: one for name, (one, axes) in array.more.items() if (one.shape, axes) == same}
    columns = array.values.ndim + 1 + len(beside)
    check_budget(array.values.size * BYTES_PER_VALUE * columns, budget_bytes, "CSV")
    lines = [",".join((*array.axes, array.name, *beside))]
    for place, one in np.ndenumerate(array.values):
        others = (str(other[place]) for other in beside.values())
        lines.append(",".join((*map(str, place), str(one), *others)))
    encoded = ("\r\n".join(lines) + "\r\n").encode()
    check_budget(len(encoded), budget_bytes, "CSV")
    return encoded


def to_safetensors(array: NamedArray) -> bytes:
    """The values and, where there are any, `prefix_values`, with the sentence in the metadata."""
    tensors = {array.name: (array.values, array.axes), **array.more}
    if array.prefix is not None:
        tensors["prefix_values"] = (array.prefix, (*array.axes[:-2], "prefix"))
    return pack(tensors, {"sentence": array.sentence})


def pack(
    tensors: Mapping[str, tuple[Array, tuple[str, ...]]], metadata: Mapping[str, str]
) -> bytes:
    """A safetensors file of {name: (array, axes)}; `axes` in the metadata is JSON."""
    axes = json.dumps({name: names for name, (_, names) in tensors.items()})
    arrays = {name: np.ascontiguousarray(values) for name, (values, _) in tensors.items()}
    return _ordered(save(arrays, metadata={**metadata, "axes": axes}))


def _ordered(data: bytes) -> bytes:
    """The same file with its metadata sorted. The library's own order changes with every call, but
    equal ETags promise equal bytes.
    """
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, data[8 + size :]))
