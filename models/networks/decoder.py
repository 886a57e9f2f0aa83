"""The Transformer's decoder (Vaswani et al. 2017, "Attention Is All You Need").

Each block attends to the words so far, then to the encoder's output, then applies its MLP. Norms
come first (Xiong et al. 2020), and the word embeddings are also the output layer (section 3.4 of
the paper; Press and Wolf 2017).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.positions import sinusoidal_table

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
"""The first four labels of every vocabulary."""

LONGEST = 64


class DecoderBlock(nn.Module):
    """y' = y + Masked(LN(y)); y'' = y' + Cross(LN(y'), memory); y'' + MLP(LN(y'')).

    scores: a name in `SCORES`.
    """

    def __init__(
        self, dim: int, heads: int, hidden: int, dropout: float = 0.0, scores: str = "dot"
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.self_attention = MultiHeadAttention(dim, heads, scores)
        self.norm2 = nn.LayerNorm(dim)
        self.cross_attention = MultiHeadAttention(dim, heads, scores)
        self.norm3 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Words attend to no later word, and to the memory that the mask permits.

        words: (text, word, dim) · memory: (batch, key, dim), each for equally many texts that are
        adjacent in words · mask: bool, broadcastable to (batch, head, word, key). Returns the shape
        of words.
        """
        words = words + self.dropout(self.self_attention(self.norm1(words), causal=True))
        # The texts of one memory are concatenated, so that its keys are computed once.
        asking = self.norm2(words).reshape(len(memory), -1, words.shape[2])
        seen = self.cross_attention(asking, context=memory, mask=mask).view_as(words)
        words = words + self.dropout(seen)
        thought: Tensor = words + self.dropout(self.mlp(self.norm3(words)))
        return thought


class WordDecoder(nn.Module):
    """Words and a memory → the next word after each word.

    words: size of the vocabulary, the four special ones included · dropout: while training, on
    embedded words and on each residual branch · scores: a name in `SCORES`.
    """

    positions: Tensor

    def __init__(
        self,
        words: int,
        dim: int,
        depth: int,
        heads: int,
        hidden: int,
        dropout: float = 0.0,
        scores: str = "dot",
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, dim)
        # Not in the checkpoint: it follows from the formula.
        self.register_buffer("positions", sinusoidal_table(LONGEST, dim), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            DecoderBlock(dim, heads, hidden, dropout, scores) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.apply(initialise)
        # With this spread the logits, products with a normalised vector, start near magnitude 1.
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)

    def forward(self, memory: Tensor, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (batch, word, vocabulary); row t predicts the word after word t.

        memory: (batch, key, dim) · words: int64 (text, word), beginning with START, and mask: as
        for `DecoderBlock`. Raises ValueError for more than LONGEST words.
        """
        return F.linear(self.thoughts(memory, words, mask), self.embedding.weight)

    def next_word(self, memory: Tensor, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last row of `forward`, which predicts the next word: (batch, vocabulary)."""
        return F.linear(self.thoughts(memory, words, mask)[:, -1], self.embedding.weight)

    def thoughts(self, memory: Tensor, words: Tensor, mask: Tensor | None) -> Tensor:
        """The normalised output of the last block for each word: (batch, word, dim)."""
        length, dim = words.shape[1], self.embedding.embedding_dim
        if length > LONGEST:
            raise ValueError(f"{length} words; the positions end at {LONGEST}")
        tokens = self.embedding(words) * dim**0.5 + self.positions[:length]
        tokens = self.dropout(tokens)
        for block in self.blocks:
            tokens = block(tokens, memory, mask)
        normed: Tensor = self.norm(tokens)
        return normed


def initialise(module: nn.Module) -> None:
    """Linear layers as in Glorot and Bengio 2010; smaller weights delay the learning of words."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
