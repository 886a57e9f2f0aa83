"""What each layer adds to the tokens of a site, as the bytes of an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import orjson
from torch import Tensor

from fovea.models.capture.stream import Addition
from fovea.models.catalog.spec import LoadedModel
from fovea.models.methods.making.token_lengths import stream_of
from fovea.models.records import Site
from fovea.models.running.inference import run_for_stream
from fovea.server.answers.views import as_array, require
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.problems import MapNotPossible
from fovea.server.wire.encode import Array, check_budget, pack
from fovea.server.wire.negotiation import SAFETENSORS

FIGURES = ("before", "added", "after", "kept")
"""What is told of every sum, a number for each token: lengths, and the cosine of before and after.
"""


async def compute(engine: Engine, analysis: Analysis, site: Site) -> Sequence[Addition]:
    """All that is added to the tokens of this site, its queries, by one more pass.

    Raises WrongKind for what is no attention, and MapNotPossible where its tokens are neither all
    patches of the photo nor words, or where nothing is added to them.
    """
    require(site, "attention")
    if not (_is_of_patches(site) or _is_of_words(site)):
        raise MapNotPossible(
            f"Site {site.id} is no attention of all patches to each other, nor one that words ask.",
            hint="Ask for a site whose grid is known.",
        )
    found = await engine.stream(analysis, site, partial(_watch, analysis, site))
    own = stream_of(found, analysis.trace.sites.index(site))
    if not own:
        raise MapNotPossible(
            f"What is added to the tokens of site {site.id} of {analysis.model.id} could not be "
            "followed."
        )
    return own


def _watch(
    analysis: Analysis, site: Site, loaded: LoadedModel, inputs: Tensor
) -> tuple[Addition, ...]:
    written = analysis.sentence
    words = None if written is None else written.given.to(inputs.device)
    return run_for_stream(loaded.module, inputs, site, words)


def _is_of_patches(site: Site) -> bool:
    return site.kind == "attention" and site.grid is not None and site.queries == site.keys


def _is_of_words(site: Site) -> bool:
    return site.layout is not None and site.layout.query_words is not None


def encode(
    additions: Sequence[Addition], analysis: Analysis, site: Site, media: str, budget_bytes: int
) -> bytes:
    """As JSON, a row a sum; or as safetensors, (addition, token) a figure."""
    sites = analysis.trace.sites
    sums = [
        {
            "kind": one.kind,
            "module": one.module,
            "site": None if one.site is None else sites[one.site].id,
            "dim": one.dim,
        }
        for one in additions
    ]
    arrays: dict[str, Array] = {
        name: np.stack([as_array(getattr(one, name)) for one in additions]) for name in FIGURES
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
            "non_finite": sum(int(np.count_nonzero(~np.isfinite(one))) for one in arrays.values()),
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    check_budget(len(encoded), budget_bytes)
    return encoded
