"""Rows, columns and matrices of a captured attention, computed from query and key on demand.

Every function takes the Attention of one photo (batch of 1) and returns float32, whatever was
captured.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fovea.models.records import Attention

Fusion = Literal["mean", "max", "min", "all"]
FUSIONS: tuple[Fusion, ...] = ("mean", "max", "min", "all")

BLOCK_ENTRIES = 2**19
"""Matrix entries of all heads in memory at a time when iterating over all of them: 2 MB."""


def _one_photo(tensor: Tensor) -> Tensor:
    if tensor.shape[0] != 1:
        raise ValueError(f"maps are made for one photo; split the trace of {tensor.shape[0]} first")
    return tensor[0]


def _scores(attention: Attention, queries: Tensor) -> Tensor:
    """(head, query, key): q·kᵀ·scale with the mask, for these query indices, before the softmax."""
    assert attention.query is not None
    assert attention.key is not None
    key = _one_photo(attention.key).float()
    # The scale is applied to the query, which is smaller than the scores.
    query = _one_photo(attention.query)[:, queries].float() * attention.scale
    scores = query @ key.transpose(-1, -2)
    if attention.mask is not None:
        mask = _one_photo(attention.mask)
        mask = mask[:, queries] if mask.shape[1] > 1 else mask
        if mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, -torch.inf)
        else:
            scores = scores + mask.float()
    if attention.causal:
        keys = torch.arange(scores.shape[-1], device=scores.device)
        scores = scores.masked_fill(keys > queries.to(scores.device)[:, None], -torch.inf)
    return scores


def rows(attention: Attention, queries: Tensor | None = None) -> Tensor:
    """The attention of these queries: (head, query, key), each row summing to 1; all queries if
    None.

    A_i = softmax(q_i·Kᵀ·scale + mask_i), Vaswani et al. 2017, eq. 1. A fully masked row is zero, as
    in torch's kernels.
    """
    if attention.probabilities is not None:
        matrix = _one_photo(attention.probabilities)
        return (matrix if queries is None else matrix[:, queries]).float()
    assert attention.query is not None
    if queries is None:
        queries = torch.arange(attention.shape[2], device=attention.query.device)
    scores = _scores(attention, queries)
    shares = scores.softmax(-1)
    if attention.mask is None:
        return shares  # a causal row can at least attend to itself
    return shares.masked_fill_((scores == -torch.inf).all(-1, keepdim=True), 0)


def columns(attention: Attention, keys: Tensor) -> Tensor:
    """The attention to these keys: (head, key, query), the columns of the matrix of `rows`,
    blockwise.
    """
    blocks = [
        rows(attention, block)[:, :, keys.to(block.device)].transpose(-1, -2)
        for block in query_blocks(attention)
    ]
    return torch.cat(blocks, dim=-1)


def query_blocks(attention: Attention) -> tuple[Tensor, ...]:
    """All query indices, in blocks that fit BLOCK_ENTRIES."""
    held = attention.probabilities if attention.query is None else attention.query
    assert held is not None
    _, heads, queries, keys = attention.shape
    every = torch.arange(queries, device=held.device)
    return tuple(torch.split(every, max(1, BLOCK_ENTRIES // (heads * keys))))


def column_means(attention: Attention) -> Tensor:
    """(head, key): the share of their attention that all queries together give to each key, the
    mean of its column; a head's sum is 1. A uniform share is 1/N.
    """
    blocks = [rows(attention, block).sum(1) for block in query_blocks(attention)]
    return torch.stack(blocks).sum(0) / attention.shape[2]


def log_normaliser(attention: Attention) -> Tensor:
    """(head, query): log Σ_j exp(score_ij). With it any single p_ij is exp(score_ij −
    log_normaliser_i).
    """
    blocks = [_scores(attention, block).logsumexp(-1) for block in query_blocks(attention)]
    return torch.cat(blocks, dim=-1)


def fuse(values: Tensor, heads: Fusion | int) -> Tensor:
    """The head axis (first) reduced by mean, max or min, or a single head; "all" keeps it.

    An unknown fusion or head raises ValueError, which lists the valid ones.
    """
    if isinstance(heads, int):
        if not 0 <= heads < values.shape[0]:
            raise ValueError(f"head {heads} does not exist; valid: 0…{values.shape[0] - 1}")
        return values[heads]
    if heads == "mean":
        return values.mean(0)
    if heads == "max":
        return values.amax(0)
    if heads == "min":
        return values.amin(0)
    if heads == "all":
        return values
    raise ValueError(
        f"unknown fusion {heads!r}; valid: {', '.join(FUSIONS)} or the number of a head"
    )
