"""The transformer in transformer (Han et al. 2021, "Transformer in Transformer")."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.mechanisms.positions import build_positions
from fovea.models.networks.vit import EncoderBlock, drop_path_rates, initialise, patch_projection


class InnerAndOuter(nn.Module):
    """One block of each transformer: equations 4 to 8.

    The words of every patch attend to each other; their outputs are flattened, projected and added
    to their patch (equation 6); then the patches and the class token attend to each other.
    """

    def __init__(
        self,
        words: int,
        word_dim: int,
        word_heads: int,
        dim: int,
        heads: int,
        mlp_ratio: int,
        drop_path: float,
        scores: str,
    ) -> None:
        super().__init__()
        self.inner = EncoderBlock(word_dim, word_heads, mlp_ratio * word_dim, scores=scores)
        # As in the authors' code, the words are normalised before the projection.
        self.norm = nn.LayerNorm(words * word_dim)
        self.project = nn.Linear(words * word_dim, dim)
        self.outer = EncoderBlock(dim, heads, mlp_ratio * dim, drop_path, scores)

    def forward(self, words: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """words: (batch · patch, word, word_dim) · tokens: (batch, 1 + patch, dim); returns both.

        On CUDA the fused kernels take at most 65,535 for batch · patch.
        """
        words = self.inner(words)
        sentences = words.view(len(tokens), tokens.shape[1] - 1, -1)
        told = self.project(self.norm(sentences))
        # The class token has no words, so nothing is added to it.
        return words, self.outer(tokens + F.pad(told, (0, 0, 1, 0)))


class TransformerInTransformer(nn.Module):
    """A patch is a sentence of words: an inner transformer processes words, an outer one patches.

    Picture → words → linear projection → positions of the words within their patch; patches start
    as their positions alone, the class token as a vector of its own → blocks → class token → head.

    image_size and patch_size in px · words: number along each side of a patch, 4 in the paper ·
    word_dim, word_heads: of the inner transformer · drop_path: as for the ViT, in the outer
    transformer · positions: a name in `POSITIONS`, for both levels · scores: a name in `SCORES` ·
    trunk: gate of a ResNet whose first two stages, concatenated at cells of 4 px, provide the
    words; None for a linear projection of pixels. Raises ValueError unless image_size is a multiple
    of patch_size, that of words, and a trunk's cells have a word's size.
    """

    def __init__(
        self,
        classes: int = 101,
        image_size: int = 112,
        patch_size: int = 8,
        words: int = 4,
        word_dim: int = 16,
        word_heads: int = 2,
        dim: int = 120,
        depth: int = 6,
        heads: int = 3,
        mlp_ratio: int = 4,
        positions: str = "learned_1d",
        drop_path: float = 0.0,
        scores: str = "dot",
        trunk: str | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image_size {image_size} is no multiple of patch_size {patch_size}")
        if patch_size % words:
            raise ValueError(f"patch_size {patch_size} is no multiple of words {words}")
        side = image_size // patch_size
        self.patch_size = patch_size
        self.words_a_side = words
        self.grid_size = (side, side)
        self.num_prefix_tokens = 1
        self.words = patch_projection(word_dim, patch_size // words, trunk, stages=(0, 1))
        self.word_positions = build_positions(positions, (words, words), word_dim)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = build_positions(positions, self.grid_size, dim)
        self.blocks = nn.ModuleList(
            InnerAndOuter(
                words**2,
                word_dim,
                word_heads,
                dim,
                heads,
                mlp_ratio,
                rate,
                scores,
            )
            for rate in drop_path_rates(drop_path, depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.apply(initialise)

    def sentences(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns the words (batch, patch, word, word_dim)."""
        a_side = self.words_a_side
        rows, columns = self.grid_size
        # (batch, word_dim, patch row, word row, patch column, word column)
        words = self.words(x).unflatten(3, (columns, a_side)).unflatten(2, (rows, a_side))
        apart: Tensor = words.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)
        return apart

    def embed(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The words (batch · patch, word, word_dim) and the tokens before the first block."""
        words = self.sentences(x)
        empty = words.new_zeros(1, 1, 1).expand(len(x), words.shape[1], self.class_token.shape[2])
        patches = self.positions(empty)
        if keep is not None:
            patches = patches.gather(1, keep.unsqueeze(2).expand(-1, -1, patches.shape[2]))
            words = words.gather(1, keep[:, :, None, None].expand(-1, -1, *words.shape[2:]))
        prefix = self.class_token.expand(len(x), -1, -1)
        return self.word_positions(words.flatten(0, 1)), torch.cat([prefix, patches], dim=1)

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """x: (batch, 3, height, width); returns the last tokens (batch, 1 + patch, dim).

        keep: int64 (batch, kept), the patches to process during training (PatchDropout, Liu et al.
        2022): the others are dropped with their words.
        """
        words, tokens = self.embed(x, keep)
        for block in self.blocks:
            words, tokens = block(words, tokens)
        normed: Tensor = self.norm(tokens)
        return normed

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """The patch tokens after every block, each (batch, dim, row, column)."""
        (words, tokens), maps = self.embed(x), []
        for block in self.blocks:
            words, tokens = block(words, tokens)
            patches = tokens[:, self.num_prefix_tokens :].transpose(1, 2)
            maps.append(patches.unflatten(2, self.grid_size))
        return maps

    def features(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x: (batch, 3, height, width) · keep: as for `tokens`.

        Returns the class token (batch, dim) and the patch tokens (batch, dim, row, column), or
        (batch, dim, kept, 1) where some are left out.
        """
        tokens = self.tokens(x, keep)
        patches = tokens[:, self.num_prefix_tokens :].transpose(1, 2)
        shape = self.grid_size if keep is None else (keep.shape[1], 1)
        return tokens[:, 0], patches.reshape(*patches.shape[:2], *shape)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns logits (batch, class)."""
        logits: Tensor = self.head(self.tokens(x)[:, 0])
        return logits
