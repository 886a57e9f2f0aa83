"""Relevance through an encoder and a decoder: from one query or word back to the photo's patches.

The rules of Chefer, Gur & Wolf (ICCV 2021, eq. 5 to 11), with Ē = mean_h (∇A⊙A)⁺:

    self-attention of the encoder   R_ii ← R_ii + Ē·R_ii
    self-attention of the decoder   R_qq ← R_qq + Ē·R_qq,  R_qi ← R_qi + Ē·R_qi
    cross-attention                 R_qi ← R_qi + R̄_qqᵀ·Ē·R̄_ii

with R̄ = rownorm(R − I) + I, where a row of zeros stays one. Only one row of R_qi is wanted, so rows
are carried through and no matrix over patches × patches is made: R_ii's row sums, which the
normalisation needs, are a column carried the other way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fovea.models.maps.gradients import clamped_before_mean
from fovea.models.maps.propagation import NoChain
from fovea.models.records import Attention, Map, Site, Trace


@dataclass(frozen=True, slots=True)
class Stack:
    """The attention of an encoder–decoder. encoder: self-attention over the input tokens.

    decoder: one (self-attention, cross-attention) pair per layer; a layer may lack the first.
    """

    encoder: tuple[Site, ...]
    decoder: tuple[tuple[Site | None, Site], ...]


def _block(name: str) -> str:
    """The path of the numbered block that contains a module: "decoder.layers.3" for
    "decoder.layers.3.self_attn"; the whole path if nothing is numbered.
    """
    parts = name.split(".")
    numbered = [index for index, part in enumerate(parts) if part.isdecimal()]
    return ".".join(parts[: numbered[-1] + 1] if numbered else parts)


def stack(trace: Trace) -> Stack:
    """Splits the sites into encoder and decoder by the blocks they are in.

    A block with two attentions belongs to the decoder, and its second one is cross-attention; so is
    the only attention of a block whose queries differ from its keys. Raises NoChain if there is no
    decoder, or if the attention is in windows.
    """
    blocks: dict[str, list[Site]] = defaultdict(list)
    for site in trace.sites:
        if site.attends:
            blocks[_block(site.name)].append(site)
    encoder: list[Site] = []
    decoder: list[tuple[Site | None, Site]] = []
    for sites in blocks.values():
        if len(sites) == 2 and sites[0].queries == sites[0].keys == sites[1].queries:
            decoder.append((sites[0], sites[1]))
        elif len(sites) == 1 and sites[0].queries != sites[0].keys:
            decoder.append((None, sites[0]))
        else:
            encoder.extend(sites)
    if not decoder:
        raise NoChain("it needs a decoder whose queries look at an encoder; there is none")
    _, cross = decoder[-1]
    decoder = [pair for pair in decoder if pair[1].attention.shape[2:] == cross.attention.shape[2:]]
    encoder = [site for site in encoder if site.queries == site.keys == cross.keys]
    every = [*encoder, *(site for pair in decoder for site in pair if site is not None)]
    if any(site.attention.shape[0] != 1 for site in every):
        raise NoChain("its attention is in windows, which do not make a chain")
    return Stack(tuple(encoder), tuple(decoder))


def _matrix(attention: Attention) -> Tensor:
    """(query, key): Ē of a whole layer, for the decoder's few queries."""
    return torch.cat([values for _, values in clamped_before_mean(attention)])


def _times_column(attention: Attention, column: Tensor) -> Tensor:
    """Ē·column, blockwise: (key,) → (query,)."""
    return torch.cat([values @ column for _, values in clamped_before_mean(attention)])


def _times_row(row: Tensor, attention: Attention) -> Tensor:
    """row·Ē, blockwise: (query,) → (key,)."""
    products = (row[block] @ values for block, values in clamped_before_mean(attention))
    first = next(products)
    return sum(products, start=first)


def _share(values: Tensor, total: Tensor) -> Tensor:
    """values/total, and zero where nothing was added (0/0 is defined as 0 here)."""
    return torch.where(total > 0, values / total, 0)


def _to_the_encoder(decoder: Sequence[tuple[Site | None, Site]], query: int) -> Tensor:
    """(key,): row `query` of Σ_l (I + Ē_L)…(I + Ē_l+1)·R̄_qq,lᵀ·Ē_qi,l, before R̄_ii."""
    tokens = decoder[0][1].attention.shape[2]
    selves = [None if own is None else _matrix(own.attention) for own, _ in decoder]
    device = next(values for _, values in clamped_before_mean(decoder[0][1].attention)).device
    identity = torch.eye(tokens, device=device)
    # R_qq − I rather than R_qq: the added values may be far below the precision of 1.
    added = torch.zeros_like(identity)
    normalised = []
    for own in selves:
        added = added if own is None else added + own @ (added + identity)
        normalised.append(_share(added, added.sum(-1, keepdim=True)) + identity)
    row = torch.zeros(tokens, device=device)
    row[query] = 1.0
    total = torch.zeros(decoder[0][1].attention.shape[3], device=device)
    for own, bar, (_, cross) in zip(
        reversed(selves), reversed(normalised), reversed(decoder), strict=True
    ):
        mixed = bar @ row
        for block, values in clamped_before_mean(cross.attention):
            total += mixed[block] @ values
        row = row if own is None else row + row @ own
    return total


def query_relevance(trace: Trace, query: int) -> Map:
    """The relevance of the encoder's tokens for the output at `query`.

    trace: with gradients of a number at that query: a class logit at an object query of a DETR, or
    the logit of the word that a captioner writes after word `query`. Values (row, column) if the
    encoder's tokens are patches, else (key,). Raises NoChain, NoGradients, or ValueError for an
    unknown query.
    """
    found = stack(trace)
    _, cross = found.decoder[-1]
    queries, keys = cross.attention.shape[2:]
    if not 0 <= query < queries:
        raise ValueError(f"query {query} does not exist; valid: 0…{queries - 1}")
    row = _to_the_encoder(found.decoder, query)
    # The row sums of R_ii − I, and then row·R̄_ii = (row/sums)·(R_ii − I) + row.
    sums = torch.zeros(keys, device=row.device)
    for site in found.encoder:
        sums = sums + _times_column(site.attention, sums + 1)
    carried, values = _share(row, sums), row
    for site in reversed(found.encoder):
        added = _times_row(carried, site.attention)
        carried, values = carried + added, values + added
    depth = f"{len(found.decoder)} decoder and {len(found.encoder)} encoder layers"
    sentence = f"Relevance to query {query} through {depth}"
    return _placed(values, cross, found.encoder, sentence)


def _placed(values: Tensor, cross: Site, encoder: Sequence[Site], sentence: str) -> Map:
    for site in (*reversed(encoder), cross):
        if site.grid is not None:
            break
    else:
        site = _with_grid(cross)
    try:
        patches, rest = site.on_grid(values)
    except ValueError:
        return Map(values, ("key",), None, sentence)
    assert site.grid is not None
    return Map(patches, site.grid.axis_names, rest, sentence, site.grid)


def _with_grid(cross: Site) -> Site:
    """A cross-attention with its keys' grid, if these are all patches in order."""
    keys = None if cross.layout is None else cross.layout.keys
    if keys is None or len(keys.cells) != 1:
        return cross
    prefix = keys.cells.shape[1] - keys.grid.cells
    in_order = torch.arange(keys.grid.cells, device=keys.cells.device)
    if prefix < 0 or not torch.equal(keys.cells[0, prefix:].long(), in_order):
        return cross
    return replace(cross, grid=keys.grid, prefix_tokens=prefix)
