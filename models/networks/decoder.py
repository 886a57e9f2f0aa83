"""The Transformer's decoder (Vaswani et al. 2017, "Attention Is All You Need"), word by word.

Each block attends to the words so far, then to what an encoder made of the source, then thinks.
The norms come first (Xiong et al. 2020), and the word embeddings serve as the output layer too
(section 3.4 of the paper; Press and Wolf 2017).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.positions import sinusoidal_table

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
"""The labels of the first four indices, in every vocabulary."""

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
        """Words look at no later word, and at all of the memory that the mask lets them see.

        words: (text, word, dim) · memory: (batch, key, dim), for as many texts each, neighbours in
        words · mask: bool, broadcastable to (batch, head, word, key). Returns the shape of words.
        """
        words = words + self.dropout(self.self_attention(self.norm1(words), causal=True))
        # The texts of one memory look at it as one long text would: its keys are made once.
        asking = self.norm2(words).reshape(len(memory), -1, words.shape[2])
        seen = self.cross_attention(asking, context=memory, mask=mask).view_as(words)
        words = words + self.dropout(seen)
        thought: Tensor = words + self.dropout(self.mlp(self.norm3(words)))
        return thought


class WordDecoder(nn.Module):
    """Words and a memory → the next word after each word.

    words: the size of the vocabulary, the four special ones included · dropout: while training, of
    the embedded words and of what each part adds · scores: a name in `SCORES`.
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
        # Kept out of the checkpoint: the formula gives it again.
        self.register_buffer("positions", sinusoidal_table(LONGEST, dim), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            DecoderBlock(dim, heads, hidden, dropout, scores) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.apply(initialise)
        # With this spread the logits, products with a normed vector, begin at about 1.
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)

    def forward(self, memory: Tensor, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (batch, word, vocabulary); row t is what comes after word t.

        memory: (batch, key, dim) · words: int64 (text, word), beginning with START, and mask: as
        for `DecoderBlock`. Raises ValueError for more than LONGEST words.
        """
        return F.linear(self.thoughts(memory, words, mask), self.embedding.weight)

    def next_word(self, memory: Tensor, words: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last row of `forward` alone, what comes after all the words: (batch, vocabulary)."""
        return F.linear(self.thoughts(memory, words, mask)[:, -1], self.embedding.weight)

    def thoughts(self, memory: Tensor, words: Tensor, mask: Tensor | None) -> Tensor:
        """What the last block makes of each word, normed: (batch, word, dim)."""
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
    """Linear layers as in Glorot and Bengio 2010; from smaller weights words are learnt later."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
