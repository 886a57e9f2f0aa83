"""Queries, keys and row normalisers of a site → safetensors."""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.kinds.attention.rows import log_normaliser, rows
from fovea.models.records import Site
from fovea.server.answers.views import as_array, no_projections, require
from fovea.server.problems import NoProjections
from fovea.server.wire.encode import pack


def projections(site: Site, values: Tensor | None = None) -> bytes:
    """Queries, keys and row normalisers as safetensors: enough to compute any row or column.

    p_ij = exp(scale·q_i·k_j − log_normaliser_i). values: (head, key, head_dim); if given, they and
    the outputs Σ_j p_ij v_j are included.
    """
    require_projections(site)
    held = site.attention
    assert held.query is not None
    assert held.key is not None
    with torch.inference_mode():
        tensors = {
            "query": (as_array(held.query[0]), ("head", "query", "head_dim")),
            "key": (as_array(held.key[0]), ("head", "key", "head_dim")),
            "log_normaliser": (as_array(log_normaliser(held)), ("head", "query")),
        }
        if values is not None:
            tensors["value"] = (as_array(values), ("head", "key", "head_dim"))
            output = rows(held) @ values.float()
            tensors["output"] = (as_array(output), ("head", "query", "head_dim"))
    return pack(tensors, {"site": site.id, "scale": repr(held.scale)})


def require_projections(site: Site) -> None:
    """Raises WrongKind or NoProjections if queries and keys do not determine every row."""
    require(site, "projections")
    if reason := no_projections(site):
        raise NoProjections(str(reason))
