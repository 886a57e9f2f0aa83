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
"""The least that a number takes in JSON, with its comma: enough to refuse before encoding."""


def to_json(array: NamedArray, budget_bytes: int) -> bytes:
    """Values nested as `axes` says; NaN and infinity, which JSON lacks, are null and counted."""
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
    """Raises TooLargeForJson where that many bytes are more than a client may be sent as text."""
    if actual > budget_bytes:
        raise TooLargeForJson(
            f"As {form} this array would be larger than {budget_bytes:,} bytes.",
            limit=budget_bytes,
            actual=actual,
        )


def to_npy(array: NamedArray) -> bytes:
    """What numpy.load reads."""
    return array_to_npy(array.values)


def array_to_npy(values: NDArray[Any]) -> bytes:
    """What numpy.load reads, whatever the numbers are."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def to_csv(array: NamedArray, budget_bytes: int) -> bytes:
    """A line a value, after its place on each axis; the first line names the columns.

    Other arrays over the same axes are further columns.
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
    """The same file with its metadata in alphabetical order. The library's own order is another
    with every call, and equal ETags promise equal bytes.
    """
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, data[8 + size :]))
