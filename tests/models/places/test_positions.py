"""Positional encodings: what is one, in whatever form it is added, and what is none."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import PatchGrid
from fovea.models.methods.making.positions import positions_of
from fovea.models.networks import build
from fovea.models.places.positions import positions

PHOTO = torch.randn(1, 3, 32, 48)
DIM = 8


class Tokens(nn.Module):
    """Patches of 8 px, 4 x 6 of them, with positions in one of several forms."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.patches = nn.Conv2d(3, DIM, 8, 8)
        self.cls = nn.Parameter(torch.randn(1, 1, DIM))
        shape = {
            "with the class token": (1, 25, DIM),
            "without a batch axis": (24, DIM),
            "on the picture": (1, DIM, 4, 6),
            "channels last": (1, 4, 6, DIM),
            "a coarser table": (1, DIM, 2, 3),
            "a bias": (DIM,),
            "the same everywhere": (1, 1, DIM),
        }.get(form, (1, 24, DIM))
        self.table = nn.Parameter(torch.randn(shape))
        self.register_buffer("fixed", torch.randn(1, 24, DIM))
        self.qk = nn.Linear(DIM, 2 * DIM)
        self.relative = nn.Parameter(torch.randn(2, 24, 24))

    def forward(self, photo: Tensor) -> Tensor:
        x = self.patches(photo)
        if self.form == "on the picture":
            return (x + self.table).flatten(2)
        if self.form == "channels last":
            return x.permute(0, 2, 3, 1) + self.table
        x = x.flatten(2).transpose(1, 2)
        if self.form == "with the class token":
            return torch.cat([self.cls, x], dim=1) + self.table
        if self.form == "in place":
            x += self.table
            return x
        if self.form == "a coarser table":
            grown = F.interpolate(self.table, size=(4, 6), mode="bilinear")
            return x + grown.flatten(2).transpose(1, 2)
        if self.form == "added to nothing, then to the patches":
            return (torch.zeros_like(x) + self.table) + x
        if self.form == "fixed":
            return self.fixed + x
        if self.form == "again in every layer":
            return torch.tanh(x + self.table) + self.table
        if self.form == "relative, on the scores":
            q, k = self.qk(x).unflatten(2, (2, 2, DIM // 2)).permute(2, 0, 3, 1, 4)
            return (q @ k.transpose(2, 3) + self.relative).softmax(-1)
        return x + self.table


@pytest.mark.parametrize(
    "form",
    [
        "plain",
        "with the class token",
        "without a batch axis",
        "on the picture",
        "channels last",
        "in place",
        "added to nothing, then to the patches",
        "fixed",
        "again in every layer",
    ],
)
def test_the_vectors_are_those_that_are_added(form: str) -> None:
    network = Tokens(form).eval()
    (found,) = positions(network, PHOTO)
    table = network.fixed if form == "fixed" else network.table.detach()
    if form == "on the picture":
        table = table.flatten(2).transpose(1, 2)
    torch.testing.assert_close(found.vectors, table.reshape(-1, DIM))
    prefix = [-1] if form == "with the class token" else []
    assert found.cells.cells.tolist() == [[*prefix, *range(24)]]
    assert (found.cells.grid.rows, found.cells.grid.columns) == (4, 6)
    assert found.name == ""


def test_a_table_that_was_resized_is_found_as_it_was_added() -> None:
    network = Tokens("a coarser table").eval()
    (found,) = positions(network, PHOTO)
    grown = F.interpolate(network.table.detach(), size=(4, 6), mode="bilinear")
    torch.testing.assert_close(found.vectors, grown[0].flatten(1).T)


@pytest.mark.parametrize("form", ["a bias", "the same everywhere", "relative, on the scores"])
def test_what_is_no_position(form: str) -> None:
    assert positions(Tokens(form).eval(), PHOTO) == ()


def test_of_this_projects_networks() -> None:
    arguments = {"classes": 5, "image_size": 32, "patch_size": 8, "depth": 2}
    vit = build("vit", dim=16, heads=2, **arguments).eval()
    (found,) = positions_of(vit, torch.randn(1, 3, 32, 32))
    assert torch.equal(found.vectors[-16:], vit.positions.encoding().detach())
    tnt = build("tnt", dim=16, heads=2, word_dim=8, **arguments).eval()
    inner, outer = positions_of(tnt, torch.randn(1, 3, 32, 32))
    assert torch.equal(outer.vectors[1:], tnt.positions.encoding().detach())
    assert outer.cells.cells.tolist() == [[-1, *range(16)]]
    assert torch.equal(inner.vectors, tnt.word_positions.encoding().detach())
    assert (inner.cells.cells.shape, inner.cells.grid) == ((16, 16), PatchGrid(16, 16))
    # The second patch of the first row begins four words to the right of the first one.
    first = [row * 16 + column for row in range(4) for column in range(4)]
    assert inner.cells.cells[:2].tolist() == [first, [cell + 4 for cell in first]]
    assert positions_of(build("vit", dim=16, heads=2, positions="none", **arguments).eval(),
                        torch.randn(1, 3, 32, 32)) == ()  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tokens", "grid"),
    [
        ("vit_tiny_patch16_224", 197, (14, 14)),
        ("cait_xxs24_224", 196, (14, 14)),
        ("xcit_nano_12_p16_224", 196, (14, 14)),
        ("tnt_s_patch16_224", 197, (14, 14)),
        ("swin_tiny_patch4_window7_224", None, None),
    ],
)
def test_of_others(name: str, tokens: int | None, grid: tuple[int, int] | None) -> None:
    declare_missing_operators()
    import timm

    network = timm.create_model(name, pretrained=False).eval()
    found = positions_of(network, torch.randn(1, 3, 224, 224))
    assert bool(found) == (tokens is not None)
    if found:
        encoding = found[-1]  # a TNT's words have theirs before
        assert len(encoding.vectors) == tokens
        assert (encoding.cells.grid.rows, encoding.cells.grid.columns) == grid
        if name.startswith("vit"):
            assert torch.equal(encoding.vectors, network.pos_embed[0].detach())


def sinusoids(count: int, dim: int) -> Tensor:
    """Vaswani et al. 2017, section 3.5, entry by entry in float64."""
    table = torch.zeros(count, dim, dtype=torch.float64)
    for place in range(count):
        for i in range(dim // 2):
            angle = place / 10000 ** (2 * i / dim)
            table[place, 2 * i], table[place, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


@pytest.mark.parametrize("written", [4, 6])
def test_words_have_positions_where_they_are_read_and_where_they_are_written(written: int) -> None:
    """As many words written as read have the same vectors, and are two encodings all the same."""
    network = build("text_transformer", words=20, dim=16, heads=2).eval()
    source, given = torch.randint(4, 20, (1, 4)), torch.randint(4, 20, (1, written))
    read, wrote = positions_of(network, source, given)
    for found, words, count in ((read, "source", 4), (wrote, "read", written)):
        assert (found.words, found.cells.cells.tolist()) == (words, [list(range(count))])
        assert found.cells.grid == PatchGrid(1, count)
        torch.testing.assert_close(found.vectors.double(), sinusoids(count, 16), atol=1e-5, rtol=0)


def test_a_captioner_has_positions_of_patches_and_of_words() -> None:
    network = build("captioner", words=20).eval()
    places, words = positions_of(network, torch.randn(1, 3, 112, 112), torch.randint(4, 20, (1, 5)))
    assert (places.words, places.cells.grid) == (None, PatchGrid(14, 14))
    assert (words.words, len(words.vectors)) == ("read", 5)


class Sentences(nn.Module):
    """Words with learnt positions, looked up by numbers that are made on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, DIM), nn.Embedding(12, DIM)
        self.kinds = nn.Embedding(2, DIM)

    def forward(self, words: Tensor) -> Tensor:
        places = torch.arange(words.shape[1], device=words.device).unsqueeze(0)
        tokens = self.words(words) + self.kinds(torch.zeros_like(words))
        return tokens + self.places(places)


def test_learnt_positions_of_words_are_found_and_kinds_of_words_are_not() -> None:
    network = Sentences().eval()
    (found,) = positions(network, torch.randint(0, 20, (1, 5)), sentences=("source",))
    torch.testing.assert_close(found.vectors, network.places.weight.detach()[:5])
    assert positions(network, torch.randint(0, 20, (1, 5))) == ()  # not asked for
    assert positions(network, torch.randint(0, 20, (1, 1)), sentences=("source",)) == ()
