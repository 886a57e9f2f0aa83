"""Queries, keys and row normalisers of a site → safetensors."""

from __future__ import annotations

import torch

from fovea.models.kinds.attention.rows import log_normaliser
from fovea.models.records import Site
from fovea.server.answers.views import as_array, no_projections, require
from fovea.server.problems import NoProjections
from fovea.server.wire.encode import pack


def projections(site: Site) -> bytes:
    """Queries, keys and row normalisers as safetensors: all that any row or column takes.

    p_ij = exp(scale·q_i·k_j − log_normaliser_i).
    """
    require(site, "projections")
    held = site.attention
    if reason := no_projections(site):
        raise NoProjections(str(reason))
    assert held.query is not None
    assert held.key is not None
    with torch.inference_mode():
        tensors = {
            "query": (as_array(held.query[0]), ("head", "query", "head_dim")),
            "key": (as_array(held.key[0]), ("head", "key", "head_dim")),
            "log_normaliser": (as_array(log_normaliser(held)), ("head", "query")),
        }
    return pack(tensors, {"site": site.id, "scale": repr(held.scale)})
