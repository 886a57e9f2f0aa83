"""The vision transformer (Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words")."""

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.positions import build_positions
from fovea.models.networks.trunk import TrunkPatches


class EncoderBlock(nn.Module):
    """z' = MSA(LN(z)) + z, then z = MLP(LN(z')) + z': equations 2 and 3.

    drop_path: probability in training that an example skips either branch (stochastic depth, Huang
    et al. 2016) · scores: a name in `SCORES`.
    """

    def __init__(
        self, dim: int, heads: int, hidden: int, drop_path: float = 0.0, scores: str = "dot"
    ) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads, scores)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """tokens: (batch, token, dim), returned in the same shape · mask: of
        `scaled_dot_product`.
        """
        tokens = self.add(tokens, self.attention(self.norm1(tokens), mask=mask))
        return self.add(tokens, self.mlp(self.norm2(tokens)))

    def add(self, tokens: Tensor, change: Tensor) -> Tensor:
        """The residual sum; in training some examples skip the branch, and the others scale
        it up.
        """
        if not self.training or not self.drop_path:
            return tokens + change
        stays = 1 - self.drop_path
        share = torch.empty(len(tokens), 1, 1, device=tokens.device).bernoulli_(stays) / stays
        return torch.addcmul(tokens, change, share.to(change.dtype))


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Skip probability of each block: linear from 0 for the first one to `last`."""
    return [last * number / max(1, depth - 1) for number in range(depth)]


class VisionTransformer(nn.Module):
    """Patches → linear projection → class token → positions → encoder blocks → class token → head.

    image_size and patch_size in px · positions: a name in `POSITIONS`, for the patches; the class
    token's vector needs none · drop_path: of the last block, see `EncoderBlock`; it rises linearly
    from 0 for the first block · scores: a name in `SCORES` · trunk: gate of a ResNet whose second
    stage, with cells of 8 px, provides the patches; None for a linear projection of pixels. Raises
    ValueError unless image_size is a multiple of patch_size and a trunk's cells have patch_size, or
    for unknown positions, scores or trunk.
    """

    def __init__(
        self,
        classes: int = 101,
        image_size: int = 112,
        patch_size: int = 8,
        dim: int = 192,
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
        self.patch_size = patch_size
        self.grid_size = (image_size // patch_size, image_size // patch_size)
        self.num_prefix_tokens = 1
        self.patches = patch_projection(dim, patch_size, trunk, stages=(1,))
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = build_positions(positions, self.grid_size, dim)
        self.blocks = nn.Sequential(
            *(
                EncoderBlock(dim, heads, mlp_ratio * dim, rate, scores)
                for rate in drop_path_rates(drop_path, depth)
            )
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        self.apply(initialise)

    def embed(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """The tokens before the first block; arguments and shape as for `tokens`."""
        patches = self.positions(self.patches(x).flatten(2).transpose(1, 2))
        if keep is not None:
            patches = patches.gather(1, keep.unsqueeze(2).expand(-1, -1, patches.shape[2]))
        return torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """x: (batch, 3, height, width); returns the last tokens (batch, 1 + patch, dim).

        keep: int64 (batch, kept), the patches to process during training (PatchDropout, Liu et al.
        2022): the others are dropped after positions are added.
        """
        tokens: Tensor = self.norm(self.blocks(self.embed(x, keep)))
        return tokens

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """The patch tokens after every block, each (batch, dim, row, column)."""
        tokens, maps = self.embed(x), []
        for block in self.blocks:
            tokens = block(tokens)
            patches = tokens[:, self.num_prefix_tokens :].transpose(1, 2)
            maps.append(patches.unflatten(2, self.grid_size))
        return maps

    def features(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x: (batch, 3, height, width) · keep: as for `tokens`.

        Returns the class token (batch, dim) and the patch tokens (batch, dim, row, column), or
        (batch, dim, kept, 1) if patches are dropped.
        """
        tokens = self.tokens(x, keep)
        patches = tokens[:, self.num_prefix_tokens :].transpose(1, 2)
        shape = self.grid_size if keep is None else (keep.shape[1], 1)
        return tokens[:, 0], patches.reshape(*patches.shape[:2], *shape)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns logits (batch, class)."""
        logits: Tensor = self.head(self.tokens(x)[:, 0])
        return logits


def patch_projection(
    dim: int, size_px: int, trunk: str | None, stages: tuple[int, ...]
) -> nn.Conv2d | TrunkPatches:
    """From a photo (batch, 3, height, width) to its patches (batch, dim, row, column).

    size_px: of a patch · trunk, stages: of `TrunkPatches`, or None for a linear projection of each
    patch's pixels. Raises ValueError unless the trunk's cells have size_px.
    """
    if trunk is None:
        return nn.Conv2d(3, dim, size_px, stride=size_px)
    patches = TrunkPatches(dim, trunk, stages)
    if patches.stride != size_px:
        raise ValueError(f"the trunk's cells are {patches.stride} px wide, not {size_px}")
    return patches


def initialise(module: nn.Module) -> None:
    """Small weights and zero biases in every linear layer, as the ViT family is trained."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
