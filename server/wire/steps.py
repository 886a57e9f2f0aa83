"""The steps of a site → JSON or safetensors."""

from __future__ import annotations

import json

import numpy as np
import orjson

from fovea.server.answers.steps import Steps
from fovea.server.answers.views import as_array
from fovea.server.wire.encode import check_budget, pack
from fovea.server.wire.negotiation import SAFETENSORS


def encode(steps: Steps, media: str, budget_bytes: int) -> bytes:
    """As JSON, or as a safetensors file with an array for each step."""
    return to_safetensors(steps) if media == SAFETENSORS else to_json(steps, budget_bytes)


def to_json(steps: Steps, budget_bytes: int) -> bytes:
    """Values nested as `axes` says; NaN and infinity, which JSON lacks, become null and are
    counted.
    """
    told, infinite = [], 0
    for one in steps.steps:
        values = None if one.values is None else np.asarray(as_array(one.values), order="C")
        infinite += 0 if values is None else int(np.count_nonzero(~np.isfinite(values)))
        plain = values if values is None or values.ndim else values.item()
        about = {
            name: getattr(one, name)
            for name in ("name", "sentence", "formula", "module", "axes", "shape")
        }
        told.append({**about, "values": plain})
    encoded = orjson.dumps(
        {
            "site": steps.site.id,
            "kind": steps.site.kind,
            **steps.about,
            "sentence": steps.sentence,
            "steps": told,
            "non_finite": infinite,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    check_budget(len(encoded), budget_bytes)
    return encoded


def to_safetensors(steps: Steps) -> bytes:
    """Arrays named by number and name, "03 softmax"; sentences and formulas in the metadata."""
    named = [(f"{number:02d} {one.name}", one) for number, one in enumerate(steps.steps)]
    arrays = {
        name: (as_array(one.values), one.axes) for name, one in named if one.values is not None
    }
    told = {name: {"sentence": one.sentence, "formula": one.formula} for name, one in named}
    return pack(arrays, {"sentence": steps.sentence, "steps": json.dumps(told)})
