"""Whether a network has so few tokens that all layers' graphs are kept instead of recomputed."""

from __future__ import annotations

from fovea.models.places.layout import Layouts

FEW_TOKENS = 600
"""A ViT at 384 px has 577. Up to this number, N×N matrices take no more memory than the rest of a
pass, and recomputing every block is slower than keeping its graph.
"""


def has_few_tokens(layouts: Layouts) -> bool:
    """Whether every attention of the network has few tokens, as far as is known."""
    placed = [known for known in layouts if known is not None]
    keys = [known.layout and known.layout.keys for known in placed]
    return bool(keys) and all(key and key.cells.shape[-1] <= FEW_TOKENS for key in keys)
