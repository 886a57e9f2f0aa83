"""Where cells are, against what single pixels really reach: a token's place is the box of pixels
whose change changes the token, found by sending one bright pixel after another through the
network's own embedding.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.geometry import Geometry
from fovea.models.grids import PatchGrid
from fovea.models.running.observing import capture

declare_missing_operators()  # before timm, which imports torchvision
import timm  # noqa: E402
from timm.layers import PatchEmbed  # noqa: E402


class Attending(nn.Module):
    """Tokens of an embedding, perhaps with tokens around them, attending to each other."""

    def __init__(self, embed: nn.Module, width: int, before: int = 0, after: int = 0) -> None:
        super().__init__()
        self.embed = embed
        self.before = nn.Parameter(torch.randn(1, before, width))
        self.after = nn.Parameter(torch.randn(1, after, width))
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def tokens(self, x: Tensor) -> Tensor:
        found = self.embed(x)
        return found.flatten(2).transpose(1, 2) if found.ndim == 4 else found

    def forward(self, x: Tensor) -> Tensor:
        z = torch.cat([self.before, self.tokens(x), self.after], 1)
        return self.attention(z, z, z)[0]


class Cut(nn.Module):
    """Patches cut by a reshape, as einops does it, then a norm and a linear layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.norm, self.linear = size, nn.LayerNorm(3 * size**2), nn.Linear(48, 8)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        p = self.size
        z = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        return self.linear(self.norm(z))


class Unfolded(nn.Module):
    """T2T's soft split: overlapping patches of pixels."""

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.cut = nn.Unfold(kernel, stride=stride, padding=padding)
        self.linear = nn.Linear(3 * kernel**2, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.cut(x).transpose(1, 2))


class TwoSplits(nn.Module):
    """T2T's soft split twice: tokens made a picture again, and cut anew."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Unfolded(5, 4, 2), nn.Unfold(3, stride=2, padding=1)
        self.linear = nn.Linear(72, 8)

    def forward(self, x: Tensor) -> Tensor:
        z = self.first(x).transpose(1, 2).unflatten(2, (x.shape[2] // 4, x.shape[3] // 4))
        return self.linear(self.second(z).transpose(1, 2))


class Focus(nn.Module):
    """Every other pixel moved into the channels, as YOLOv5 begins."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 8, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(
            torch.cat(
                [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1
            )
        )


class Padded(nn.Module):
    """Padding on two sides only, as TensorFlow's "same" does it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (1, 2, 3, 1)))


class Scaled(nn.Module):
    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode, self.conv = mode, nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=0.5, mode=self.mode))


def stem(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


EMBEDDINGS = {
    "patches that leave an edge": (nn.Conv2d(3, 8, 5, stride=5), (23, 28)),
    "PiT: 8 every 4, not padded": (nn.Conv2d(3, 8, 8, stride=4), (24, 32)),
    "PVTv2: 7 every 4, padded": (nn.Conv2d(3, 8, 7, stride=4, padding=3), (24, 32)),
    "two odd convolutions": (
        stem(nn.Conv2d(3, 8, 3, 2, 1), nn.GELU(), nn.Conv2d(8, 8, 3, 2, 1)),
        (24, 20),
    ),
    "dilated": (nn.Conv2d(3, 8, 3, stride=4, padding=2, dilation=2), (16, 24)),
    "pooled": (stem(nn.Conv2d(3, 8, 3, 1, 1), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2)), (16, 24)),
    "same": (stem(nn.Conv2d(3, 8, 5, padding="same"), nn.Conv2d(8, 8, 4, 4)), (16, 24)),
    "a soft split": (Unfolded(5, 3, 1), (17, 23)),
    "two soft splits": (
        TwoSplits(),
        (24, 32),
    ),
    "cut by hand": (Cut(4), (16, 24)),
    "every other pixel a channel": (Focus(), (16, 24)),
    "padded on one side more": (Padded(), (20, 25)),
    "resized before": (Scaled("nearest"), (32, 48)),
    "timm, padded to whole patches": (
        PatchEmbed(16, 4, 3, 8, strict_img_size=False, dynamic_img_pad=True),
        (18, 23),
    ),
}


def reached(tokens, height: int, width: int) -> Tensor:
    """(token, row, column): whether a pixel reaches a token."""
    with torch.no_grad():
        base = tokens(torch.zeros(1, 3, height, width)).flatten(1, -2)[0]
        rows = []
        for pixel in range(height * width):
            x = torch.zeros(1, 3, height * width)
            # Different channels, and several sizes: a maximum or a norm shall not hide it.
            x[0, :, pixel] = torch.tensor([3.0, -2.0, 5.0])
            changed = False
            for sign in (1, -1):
                lit = tokens(sign * x.view(1, 3, height, width)).flatten(1, -2)[0]
                changed = changed | ((lit - base).abs() > 1e-7).any(-1)
            rows.append(changed)
    return torch.stack(rows, 1).view(-1, height, width)


def box(mask: Tensor) -> tuple[int, int, int, int]:
    rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_a_cell_is_where_its_pixels_are(name: str) -> None:
    torch.manual_seed(0)
    embed, (height, width) = EMBEDDINGS[name]
    network = Attending(embed, 8, before=1).eval()
    with torch.no_grad(), capture(network) as trace:
        network(torch.randn(1, 3, height, width))
    (site,) = trace.sites
    grid = site.grid
    assert grid is not None, site.note
    plain = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    geometry = Geometry(width, height, width, height, plain)
    masks = reached(network.tokens, height, width)
    assert len(masks) == grid.cells
    for token, mask in enumerate(masks):
        row, column = divmod(token, grid.columns)
        if name == "resized before":  # pixels that nearest leaves out reach nothing
            seen = geometry.seen_box(row, column, grid)
            assert box(mask)[0] >= seen[0] - 1
            assert box(mask)[3] <= seen[3] + 1
            continue
        assert geometry.seen_box(row, column, grid) == pytest.approx(box(mask), abs=1e-6)
    # Each pixel under a drawn cell is one that the cell was made from, and unseen ones have none.
    seen_at_all = masks.any(0)
    for y in range(height):
        for x in range(width):
            cell = geometry.cell_at(x + 0.5, y + 0.5, grid)
            if name in ("resized before", "dilated"):  # pixels between are left out
                continue
            assert (cell is not None) == bool(seen_at_all[y, x])
            if cell is not None:
                assert masks[cell[0] * grid.columns + cell[1], y, x]


@pytest.mark.parametrize(("before", "after"), [(0, 3), (1, 4), (0, 0), (2, 0)])
def test_tokens_before_and_after_the_patches(before: int, after: int) -> None:
    network = Attending(nn.Conv2d(3, 8, 4, 4), 8, before, after).eval()
    with torch.no_grad(), capture(network) as trace:
        network(torch.randn(1, 3, 16, 24))
    (site,) = trace.sites
    assert (site.grid, site.prefix_tokens, site.suffix_tokens) == (PatchGrid(4, 6), before, after)
    values, rest = site.on_grid(torch.arange(before + 24 + after))
    assert values.flatten().tolist() == list(range(before, before + 24))
    assert rest.tolist() == [*range(before), *range(before + 24, before + 24 + after)]


@pytest.mark.parametrize(
    ("name", "size", "first"),
    [
        ("pit_ti_224", 224, (27, 4.0, 8.0, 16.0)),
        ("pvt_v2_b0", 224, (56, -1.5, 4.0, 7.0)),
        ("vit_tiny_patch16_224", 224, (14, 0.0, 16.0, 16.0)),
        ("levit_128s", 224, (14, -7.5, 16.0, 31.0)),
    ],
)
def test_the_first_grid_of_known_networks(name: str, size: int, first: tuple) -> None:
    network = timm.create_model(name, pretrained=False).eval()
    with torch.no_grad(), capture(network) as trace:
        network(torch.randn(1, 3, size, size))
    site = trace.sites[0]
    grid = site.grid or site.layout.queries.grid
    down, across = grid.axes
    assert down == across
    assert (grid.rows, down.origin, down.stride, down.extent) == first
