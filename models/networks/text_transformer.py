"""The Transformer for sentences (Vaswani et al. 2017), small enough to inspect every head."""

from torch import Tensor, nn

from fovea.models.mechanisms.positions import sinusoidal_table
from fovea.models.networks.decoder import LONGEST, PAD, WordDecoder, initialise
from fovea.models.networks.search import write
from fovea.models.networks.vit import EncoderBlock


class TextTransformer(nn.Module):
    """Words of one language → encoder → decoder → words of another, with a shared vocabulary.

    words: size of the vocabulary, PAD, START, END and UNKNOWN first · depth: number of blocks in
    the encoder and in the decoder · mlp_ratio: MLP width over dim · scores: a name in `SCORES`, for
    every attention.
    """

    positions: Tensor

    def __init__(
        self,
        words: int = 207,
        dim: int = 64,
        depth: int = 2,
        heads: int = 4,
        mlp_ratio: int = 3,
        dropout: float = 0.0,
        scores: str = "dot",
    ) -> None:
        super().__init__()
        hidden = mlp_ratio * dim
        self.register_buffer("positions", sinusoidal_table(LONGEST, dim), persistent=False)
        self.blocks = nn.ModuleList(
            EncoderBlock(dim, heads, hidden, scores=scores) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.decoder = WordDecoder(words, dim, depth, heads, hidden, dropout, scores)
        self.dropout = nn.Dropout(dropout)
        self.blocks.apply(initialise)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the decoder attends to, (batch, word, dim), and the mask that hides padding.

        source: int64 (batch, word), PAD after shorter sentences. Raises ValueError for more than
        LONGEST words.
        """
        length = source.shape[1]
        if length > LONGEST:
            raise ValueError(f"{length} words; the positions end at {LONGEST}")
        # A single sentence has no padding and needs no mask.
        mask = None if len(source) == 1 else (source != PAD)[:, None, None]
        embedding = self.decoder.embedding
        tokens = embedding(source) * embedding.embedding_dim**0.5 + self.positions[:length]
        tokens = self.dropout(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.norm(tokens), mask

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Teacher forcing: predicts the next word after each of the given words.

        source: int64 (batch, word), ending with END · target: int64 (batch, length), beginning with
        START. Returns logits (batch, length, word).
        """
        memory, mask = self.read(source)
        logits: Tensor = self.decoder(memory, target, mask)
        return logits

    def generate(
        self, source: Tensor, longest: int = 40, beams: int = 1, no_repeat_ngram: int = 0
    ) -> Tensor:
        """The translations: int64 (batch, length) from START to END, PAD after END.

        source: int64 (batch, word), ending with END · longest: maximum number of words, END
        included · beams: 1 is greedy · no_repeat_ngram: word sequences of this length never repeat;
        0 for no limit. No gradients.
        """
        memory, mask = self.read(source)
        memory = memory.detach()
        return write(
            lambda words: self.decoder.next_word(memory, words, mask),
            len(source),
            source.device,
            beams,
            longest,
            no_repeat_ngram=no_repeat_ngram,
        )
