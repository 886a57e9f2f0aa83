"""From tokens to places: which cells of the network's input the tokens of a site stand for.

What the network declares of itself comes first (timm's `num_prefix_tokens`,
`patch_embed.grid_size`); else the grid follows from the number of tokens and the size of the
input where just one reading is possible. Where it is not, the site keeps no grid and says why: a
matrix without places is honest, a map in a wrong place is not.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from models.records import Attention, Gate, PatchGrid, Site, Trace

_STRIDES_PX = (2, 4, 8, 16, 32, 64, 14, 7, 12, 28)
_PREFIXES = (0, 1, 2, 5)  # none; class; class and distillation; class and four registers


def declared_prefix_tokens(module: nn.Module) -> int | None:
    """The number of class, distillation and register tokens, where the network says so."""
    count = getattr(module, "num_prefix_tokens", None)
    return count if isinstance(count, int) else None


def declared_grid(module: nn.Module) -> PatchGrid | None:
    """The patch grid, where the network says so."""
    for owner in (module, getattr(module, "patch_embed", None)):
        size = getattr(owner, "grid_size", None)
        if isinstance(size, tuple) and len(size) == 2:
            return PatchGrid(*size)
    return None


def infer_grid(
    tokens: int, input_size: tuple[int, int], prefix_tokens: int | None = None
) -> tuple[PatchGrid, int] | None:
    """(grid, prefix tokens) that `tokens` on an input of (height, width) can stand for; None if
    none fits.

    Among several readings the one with the fewest prefix tokens wins.
    """
    height, width = input_size
    for prefix in _PREFIXES if prefix_tokens is None else (prefix_tokens,):
        for stride in _STRIDES_PX:
            grid = PatchGrid(-(-height // stride), -(-width // stride))
            exact = height % stride == 0 and width % stride == 0
            if exact and grid.cells == tokens - prefix and grid.cells > 1:
                return grid, prefix
    return None


def _place_attention(
    site: Site, module: nn.Module, input_size: tuple[int, int], photos: int
) -> Site:
    batch, _, queries, keys = site.attention.shape
    if batch != photos:
        windows = batch // photos
        return replace(site, note=f"Attention within {windows} windows; shown as a matrix.")
    if queries not in (1, keys):
        return replace(site, note=f"{queries} queries look at {keys} keys; shown as a matrix.")
    prefix, grid = declared_prefix_tokens(module), declared_grid(module)
    if grid is not None and prefix is not None and grid.cells + prefix == keys:
        return replace(site, grid=grid, prefix_tokens=prefix)
    found = infer_grid(keys, input_size, prefix) or infer_grid(keys, input_size)
    if found is None:
        height, width = input_size
        reason = f"{keys} tokens match no patch grid on {width}×{height} px"
        return replace(site, note=f"{reason}; shown as a matrix.")
    return replace(site, grid=found[0], prefix_tokens=found[1])


def _place_gate(site: Site, gate: Gate) -> Site:
    map_with_places = gate.values if site.kind == "spatial-gate" else gate.features
    if map_with_places is None:
        return site
    return replace(site, grid=PatchGrid(*map_with_places.shape[2:]))


def place(trace: Trace, module: nn.Module, input_size: tuple[int, int], photos: int = 1) -> Trace:
    """`trace` with the grid and the prefix tokens of each site filled in.

    input_size: (height, width) of what the network was given. photos: how many of them.
    """
    sites = []
    for site in trace.sites:
        if isinstance(site.tensors, Attention):
            site = _place_attention(site, module, input_size, photos)
        elif isinstance(site.tensors, Gate):
            site = _place_gate(site, site.tensors)
        sites.append(site)
    return Trace(tuple(sites))
