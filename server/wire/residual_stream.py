"""What each layer adds to the tokens of a site → JSON or safetensors."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import orjson

from fovea.models.capture.stream import Addition
from fovea.models.records import Site
from fovea.server.answers.named_array import Array
from fovea.server.answers.views import as_array
from fovea.server.engine.analysis import Analysis
from fovea.server.wire.encode import check_budget, pack
from fovea.server.wire.negotiation import SAFETENSORS

FIGURES = ("before", "added", "after", "kept")
"""Values reported for each addition, one number per token: norms, and the cosine between before and
after.
"""


def encode(
    additions: Sequence[Addition], analysis: Analysis, site: Site, media: str, budget_bytes: int
) -> bytes:
    """As JSON, a row for each addition; or as safetensors, (addition, token) for each value."""
    sites = analysis.trace.sites
    sums = [
        {
            "kind": addition.kind,
            "module": addition.module,
            "site": None if addition.site is None else sites[addition.site].id,
            "dim": addition.dim,
        }
        for addition in additions
    ]
    arrays: dict[str, Array] = {
        name: np.stack([as_array(getattr(addition, name)) for addition in additions])
        for name in FIGURES
    }
    sentence = f"What each layer adds to the {site.queries} tokens of site {site.id}"
    if media == SAFETENSORS:
        tensors = {name: (values, ("addition", "token")) for name, values in arrays.items()}
        return pack(tensors, {"sentence": sentence, "additions": json.dumps(sums)})
    told = [
        {**one, **{name: values[number] for name, values in arrays.items()}}
        for number, one in enumerate(sums)
    ]
    encoded = orjson.dumps(
        {
            "site": site.id,
            "sentence": sentence,
            "tokens": site.queries,
            "prefix_tokens": site.prefix_tokens,
            "additions": told,
            "non_finite": sum(
                int(np.count_nonzero(~np.isfinite(array))) for array in arrays.values()
            ),
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    check_budget(len(encoded), budget_bytes)
    return encoded
