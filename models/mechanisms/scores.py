"""Score functions of attention, each with its softmax and weighted sum.

Including these lets functions that can use a fused kernel do so. The dot product is Vaswani et al.
2017, equation 1; the cosine similarity with a temperature is Graves et al. 2014 ("Neural Turing
Machines"), equations 5 and 6; the additive one is Bahdanau et al. 2015, appendix A.1.2.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FIRST_TEMPERATURE = 10.0
"""Initial 1/τ: scores within ±10, similar to trained dot products."""


def scaled_dot_product(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """softmax(Q Kᵀ / sqrt(head_dim)) V, equation 1; d_k of the paper is head_dim here.

    query: (batch, head, query, head_dim) · key: (batch, head, key, head_dim) ·
    value: (batch, head, key, value_dim) · mask: broadcastable to (batch, head, query, key),
    true where a query may look · causal: each query sees no later key.
    Returns (batch, head, query, value_dim).
    """
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)


class Scores(Protocol):
    """A score function with its parameters; a module that is called through `attend` only."""

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        """Shapes and arguments as for `scaled_dot_product`."""


class DotProductScores(nn.Module):
    """e_ij = q_i · k_j / sqrt(head_dim); no parameters."""

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        """Shapes and arguments as for `scaled_dot_product`."""
        return scaled_dot_product(query, key, value, mask, causal)


class CosineScores(nn.Module):
    """e_ij = β cos(q_i, k_j), with β > 0 learned for each head (β_t of the paper)."""

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        self.log_beta = nn.Parameter(torch.full((heads, 1, 1), math.log(FIRST_TEMPERATURE)))

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        """Shapes and arguments as for `scaled_dot_product`."""
        # A cosine is the dot product of unit vectors, so the fused kernel works with scale 1.
        unit = (F.normalize(query, dim=3) * self.log_beta.exp()).to(query.dtype)
        return F.scaled_dot_product_attention(
            unit, F.normalize(key, dim=3).to(key.dtype), value, mask, is_causal=causal, scale=1.0
        )


class AdditiveScores(nn.Module):
    """e_ij = vᵀ tanh(q_i + k_j), with v learned for each head: a small network before the softmax.

    q = W_a s and k = U_a h of the paper are the attention layer's projections. It holds (batch,
    head, query, key, head_dim) numbers, which no fused kernel avoids.
    """

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.empty(heads, 1, head_dim, 1))
        nn.init.normal_(self.v, std=head_dim**-0.5)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        """Shapes and arguments as for `scaled_dot_product`."""
        keys = key.shape[2]
        hidden = torch.tanh(query.unsqueeze(3).expand(-1, -1, -1, keys, -1) + key.unsqueeze(2))
        scores = torch.matmul(hidden, self.v).squeeze(4)
        if causal:
            allowed = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device).tril()
            scores = scores.masked_fill(~allowed, -math.inf)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return torch.matmul(scores.softmax(dim=3), value)


SCORES: dict[str, Callable[[int, int], Scores]] = {
    "dot": DotProductScores,
    "cosine": CosineScores,
    "additive": AdditiveScores,
}


def build_scores(name: str, heads: int, head_dim: int) -> Scores:
    """The score function called name for that many heads; ValueError lists the valid names."""
    if name not in SCORES:
        raise ValueError(f"unknown scores {name!r}; valid: {', '.join(SCORES)}")
    return SCORES[name](heads, head_dim)
