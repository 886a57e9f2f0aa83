"""Results of sweeps and measurements as files: arrays in safetensors, everything else in JSON.

Reading never executes code, whoever wrote the store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fovea.models.grids import Axis, PatchGrid
from fovea.models.methods.base import Phrase
from fovea.server.answers.named_array import NamedArray
from fovea.server.engine.results import Form

RECORDS = {kind.__name__: kind for kind in (NamedArray, PatchGrid, Axis, Phrase)}
KIND = "$"
"""JSON key that marks an encoded object and names its type."""


def write(serial: str, found: Any) -> bytes:
    """Serialise a result. serial: of the analysis that it belongs to."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    told = json.dumps({"serial": serial, "found": _plain(found, arrays)})
    return save({"": np.frombuffer(told.encode(), np.uint8), **arrays})


def read(data: bytes) -> tuple[str, Any]:
    """Returns (serial, result). Raises ValueError for bytes that `write` did not produce."""
    try:
        arrays = load(data)
        told = json.loads(arrays[""].tobytes())
        return told["serial"], _built(told["found"], arrays)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError("no result of a sweep or a measurement") from error


FORM = Form(write, read)


def _plain(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        # A 0-d array is stored as an array of one value.
        arrays[name] = np.ascontiguousarray(value)
        return {KIND: "array", "name": name, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {KIND: "tuple", "items": [_plain(one, arrays) for one in value]}
    if isinstance(value, list):
        return [_plain(one, arrays) for one in value]
    if isinstance(value, Mapping):
        pairs = [[key, _plain(one, arrays)] for key, one in value.items()]
        return {KIND: "mapping", "pairs": pairs}
    if type(value) is RECORDS.get(type(value).__name__):
        named = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
        return {KIND: type(value).__name__, "fields": named}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} is not kept in a file")


def _built(value: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_built(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value[KIND]
    if kind == "array":
        return arrays[value["name"]].reshape(value["shape"])
    if kind == "tuple":
        return tuple(_built(one, arrays) for one in value["items"])
    if kind == "mapping":
        return {key: _built(one, arrays) for key, one in value["pairs"]}
    named = {name: _built(one, arrays) for name, one in value["fields"].items()}
    return RECORDS[kind](**named)
