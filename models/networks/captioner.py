"""A Transformer that describes a photo in words.

The encoder–decoder of Vaswani et al. 2017, with a photo's patches as the source sequence (Xu et al.
2015, "Show, Attend and Tell", first let words attend to places of a photo). A few convolutions make
the patches (Xiao et al. 2021, "Early Convolutions Help Transformers See Better").
"""

from torch import Tensor, nn

from fovea.models.mechanisms.positions import build_positions
from fovea.models.networks.decoder import WordDecoder
from fovea.models.networks.search import write
from fovea.models.networks.vit import EncoderBlock, initialise

STEM = (32, 64, 128)
STRIDE = 8


class StemBlock(nn.Module):
    """Two convolutions at half the resolution, with a shortcut (He et al. 2016)."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(inplace=True),
            nn.Conv2d(wider, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, wider, 1))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channels, height, width); returns (batch, wider, height / 2, width / 2)."""
        halved: Tensor = self.relu(self.conv(x) + self.shortcut(x))
        return halved


class StemPatches(nn.Module):
    """A convolutional stem: (batch, 3, height, width) to (batch, dim, row, column)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        first, second, third = STEM
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            StemBlock(first, second),
            StemBlock(second, third),
        )
        self.patches = nn.Conv2d(third, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns (batch, dim, height / 8, width / 8)."""
        patches: Tensor = self.patches(self.stem(x))
        return patches


class PhotoEncoder(nn.Module):
    """Convolutions to an eighth of the size → positions → encoder blocks → one token per patch.

    Raises ValueError unless image_size, in px, is a multiple of 8.
    """

    def __init__(self, image_size: int, dim: int, depth: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        if image_size % STRIDE:
            raise ValueError(f"image_size {image_size} is no multiple of {STRIDE}")
        self.grid_size = (image_size // STRIDE, image_size // STRIDE)
        self.patches = StemPatches(dim)
        self.positions = build_positions("learned_2d", self.grid_size, dim)
        self.blocks = nn.Sequential(
            *(EncoderBlock(dim, heads, mlp_ratio * dim) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(dim)

    def look(self, patches: Tensor) -> Tensor:
        """patches: (batch, dim, row, column), from the convolutions; returns the tokens."""
        tokens = self.positions(patches.flatten(2).transpose(1, 2))
        looked: Tensor = self.norm(self.blocks(tokens))
        return looked

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns the patch tokens (batch, patch, dim), row-major."""
        return self.look(self.patches(x))


class Captioner(nn.Module):
    """Photo → patch tokens → word decoder.

    words: the size of the vocabulary, PAD, START, END and UNKNOWN first · dim, depth, heads,
    mlp_ratio: of the photo encoder · word_dim, word_depth, word_heads: of the decoder, whose MLPs
    are four times as wide · dropout: of the decoder, while training.
    """

    def __init__(
        self,
        words: int = 2400,
        image_size: int = 112,
        dim: int = 192,
        depth: int = 4,
        heads: int = 3,
        mlp_ratio: int = 2,
        word_dim: int = 128,
        word_depth: int = 2,
        word_heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = PhotoEncoder(image_size, dim, depth, heads, mlp_ratio)
        self.bridge = nn.Linear(dim, word_dim)
        self.decoder = WordDecoder(
            words, word_dim, word_depth, word_heads, 4 * word_dim, dropout=dropout
        )
        self.encoder.blocks.apply(initialise)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean patch token (batch, dim) and the patch tokens (batch, dim, row, column).

        x: (batch, 3, height, width).
        """
        tokens: Tensor = self.encoder(x)
        patches = tokens.transpose(1, 2).unflatten(2, self.encoder.grid_size)
        return tokens.mean(dim=1), patches

    def memory(self, x: Tensor) -> Tensor:
        """What the words attend to: (batch, patch, word_dim). x: (batch, 3, height, width)."""
        memory: Tensor = self.bridge(self.encoder(x))
        return memory

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """Teacher forcing: predicts the next word after each of the given words.

        x: (batch, 3, height, width) · words: int64 (batch, length), beginning with START. Returns
        logits (batch, length, word).
        """
        logits: Tensor = self.decoder(self.memory(x), words)
        return logits

    def generate(
        self, x: Tensor, beams: int = 1, longest: int = 20, no_repeat_ngram: int = 0
    ) -> Tensor:
        """A caption for each photo: int64 (batch, length) from START to END, PAD after END.

        x: (batch, 3, height, width) · beams: 1 is greedy · longest: maximum number of words, END
        included; a caption cut off there has no END · no_repeat_ngram: word sequences of this
        length never repeat; 0 for no limit. No gradients.
        """
        memory = self.memory(x).detach()
        return write(
            lambda words: self.decoder.next_word(memory, words),
            len(x),
            x.device,
            beams,
            longest,
            no_repeat_ngram=no_repeat_ngram,
        )
