"""Multi-head attention (Vaswani et al. 2017, section 3.2)."""

from torch import Tensor, nn

from fovea.models.mechanisms.scores import build_scores


class MultiHeadAttention(nn.Module):
    """Concat(head_1 … head_h) W_O, section 3.2.2, with head_i = Attention(Q W_Qi, K W_Ki, V W_Vi).

    The per-head projections of the paper are the row blocks of one linear layer each for query, key
    and value. scores: a name in `SCORES`, the score function. Raises ValueError if dim is not a
    multiple of heads, or for unknown scores.
    """

    def __init__(self, dim: int, heads: int, scores: str = "dot") -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} is not a multiple of heads {heads}")
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, dim)
        self.scores = build_scores(scores, heads, dim // heads)

    def split(self, tokens: Tensor) -> Tensor:
        """(batch, token, dim) to (batch, head, token, head_dim)."""
        batch, count, dim = tokens.shape
        return tokens.view(batch, count, self.heads, dim // self.heads).transpose(1, 2)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attends from x to context, or to x itself if context is None (self-attention).

        x: (batch, query, dim) · context: (batch, key, dim) · returns (batch, query, dim).
        """
        context = x if context is None else context
        query = self.split(self.query(x))
        key, value = self.split(self.key(context)), self.split(self.value(context))
        attended = self.scores.attend(query, key, value, mask, causal)
        joined: Tensor = self.output(attended.transpose(1, 2).flatten(2))
        return joined
