"""Layouts of other people's networks against their definitions, and the word for each layout."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.kinds.attention.windows import NoPlace, looks_at
from fovea.models.places.layout import place, survey
from fovea.models.places.layout_kinds import layout_kind
from fovea.models.records import Attention, Site
from fovea.models.running.inference import run

declare_missing_operators()


def attention_of(name: str, size: int, **options: object) -> list[Site]:
    import timm

    torch.manual_seed(0)
    module = timm.create_model(name, **options).eval()
    _, (trace,) = run(module, torch.randn(1, 3, size, size))
    return [site for site in trace.sites if site.kind == "attention"]


def blocks(side: int, block: int, halo: int = 0, stride: int | None = None) -> Tensor:
    """(window, token): the cells of square blocks and of `halo` cells around each; −1 outside."""
    padded = F.pad(torch.arange(side * side).view(side, side), (halo,) * 4, value=-1)
    wide, stride = block + 2 * halo, stride or block
    return torch.stack(
        [
            padded[top : top + wide, left : left + wide].flatten()
            for top in range(0, side + 2 * halo - wide + 1, stride)
            for left in range(0, side + 2 * halo - wide + 1, stride)
        ]
    )


def test_halo_neighbourhoods() -> None:
    """A block looks at itself and a halo around it (Vaswani et al. 2021, fig. 2)."""
    site = attention_of("sehalonet33ts", 256)[0]
    side = site.layout.keys.grid.rows
    queries, keys = site.layout.queries.cells, site.layout.keys.cells
    block = round(queries.shape[1] ** 0.5)
    halo = (round(keys.shape[1] ** 0.5) - block) // 2
    assert halo > 0
    assert torch.equal(queries.long(), blocks(side, block))
    assert torch.equal(keys.long(), blocks(side, block, halo))
    assert layout_kind(site) == "neighbourhood"
    assert site.attention.shape[0] == len(queries)
    # The corner's window ends at the edge of the photo; what it does not reach is unknown.
    seen = looks_at(site.attention, site.layout, 0, 0)
    inside = torch.zeros(side, side, dtype=torch.bool)
    inside[: block + halo, : block + halo] = True
    assert torch.equal(~seen[0].isnan(), inside)


def test_outlook_attention_is_three_by_three_around_every_second_cell() -> None:
    """VOLO (Yuan et al. 2021, section 3.1): 3×3 places, one step of 2, padding 1; heads apart."""
    site = attention_of("volo_d1_224", 224)[0]
    assert site.attention.shape == (14 * 14, 6, 9, 9)
    assert torch.equal(site.layout.keys.cells.long(), blocks(28, 1, 1, stride=2))
    assert layout_kind(site) == "neighbourhood"
    assert site.layout.queries is None  # nine rows for one place


def test_mask_units_and_pooled_queries() -> None:
    """Hiera (Ryali et al. 2023): 8×8 tokens a unit at first, queries pooled 2×2 between stages."""
    first, second, third, *_ = attention_of("hiera_tiny_224", 224, stages=(1, 1, 1, 1))
    assert first.attention.shape == (49, 1, 64, 64)
    assert first.layout.keys.grid == PatchGrid(56, 56)
    in_order = first.layout.keys.cells.sort(-1).values.sort(0).values.long()
    assert torch.equal(in_order, blocks(56, 8).sort(-1).values.sort(0).values)
    assert second.layout.queries.grid == PatchGrid(28, 28)
    assert third.layout.queries.grid == PatchGrid(14, 14)
    assert third.layout.keys.grid == PatchGrid(28, 28)
    # A pooled query lies where its unit lies.
    for queries, keys in zip(second.layout.queries.cells, second.layout.keys.cells, strict=True):
        corner = queries.min()
        assert keys.min() == corner // 28 * 2 * 56 + corner % 28 * 2


def test_global_queries_belong_to_no_window() -> None:
    """GCViT's second block asks the same queries in every window (Hatamizadeh et al. 2022)."""
    own, shared = attention_of("gcvit_xxtiny", 224)[:2]
    assert torch.equal(own.layout.queries.cells, own.layout.keys.cells)
    assert torch.equal(shared.layout.keys.cells, own.layout.keys.cells)
    assert shared.layout.queries is None
    with pytest.raises(NoPlace):
        looks_at(shared.attention, shared.layout, 0, 0)


@pytest.mark.parametrize(
    ("name", "size", "options", "kinds"),
    [
        ("pit_ti_224", 224, {}, {"global"}),
        ("mvitv2_tiny", 224, {}, {"global", "pyramid"}),
        ("nest_tiny", 224, {}, {"window", "global"}),
        ("twins_svt_small", 224, {"depths": (2, 1, 1, 2)}, {"window", "pyramid", "global"}),
        ("crossvit_tiny_240", 240, {}, {"global", "class-only"}),
        ("davit_tiny", 224, {"depths": (1, 1, 1, 1)}, {"window", "channel×channel", "global"}),
        ("gcresnext26ts", 256, {}, {"class-only"}),
        ("efficientvit_m0", 224, {}, {"window", "global"}),
        ("mobilevitv2_050", 256, {}, {"grid"}),
    ],
)
def test_every_site_is_placed(name: str, size: int, options: dict, kinds: set[str]) -> None:
    sites = attention_of(name, size, **options)
    assert {layout_kind(site) for site in sites} == kinds
    for site in sites:
        if layout_kind(site) == "channel×channel":
            assert site.layout.keys is None or site.grid is None
            continue
        windows, _, _, keys = site.attention.shape
        assert site.layout.keys.cells.shape == (windows, keys)


def test_pooled_stages_have_their_own_grids() -> None:
    grids = [site.grid.rows for site in attention_of("pit_ti_224", 224)]
    assert sorted(set(grids), reverse=True) == [27, 14, 7]


class Through(nn.Module):
    """Patches of 8 px, changed by a function of (batch, channel, row, column), then attention."""

    def __init__(self, change) -> None:
        super().__init__()
        self.patches, self.change = nn.Conv2d(3, 8, 8, 8), change

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.change(self.patches(x))
        tokens = tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens
        return F.scaled_dot_product_attention(tokens, tokens, tokens)


def site_through(change) -> Site:
    module, photo = Through(change), torch.randn(1, 3, 32, 48)
    with torch.inference_mode(), capture(module) as recording:
        module(photo)
    (site,) = place(recording.trace, survey(module, photo)).sites
    return site


def test_neighbours_that_are_pooled_lie_where_they_were() -> None:
    site = site_through(lambda x: x.reshape(1, 8, 2, 2, 3, 2).mean((3, 5)))
    assert (site.grid, site.prefix_tokens) == (PatchGrid(2, 3), 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.mean(3).transpose(1, 2),  # rows of the photo
        lambda x: x.flatten(2).transpose(1, 2).sort(1).values,
        lambda x: F.linear(x.flatten(2), torch.randn(24, 24)).transpose(1, 2),  # tokens mixed
        lambda x: torch.randn(24, 24) @ x.flatten(2).transpose(1, 2),
        lambda x: x.flatten(2).transpose(1, 2)[:, torch.randperm(24)].cumsum(1),
        lambda x: F.grid_sample(x, torch.rand(1, 4, 6, 2), align_corners=False),
    ],
    ids=["strips", "sorted", "mixed", "multiplied", "summed up", "sampled"],
)
def test_what_was_lost_is_never_drawn(change) -> None:
    site = site_through(change)
    assert site.grid is None
    assert site.layout.keys is None
    assert site.layout.queries is None
    assert not site.layout.keys_nowhere
    assert layout_kind(site) == "unknown"
    assert "could not be followed" in site.note


def test_a_lost_part_spoils_what_it_is_joined_to() -> None:
    def change(x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return torch.cat((tokens.sort(1).values[:, :2], tokens), 1)

    assert layout_kind(site_through(change)) == "unknown"
    joined = site_through(lambda x: F.pad(x.flatten(2).transpose(1, 2), (0, 0, 2, 0)))
    assert (joined.grid, joined.prefix_tokens) == (PatchGrid(4, 6), 2)


def test_permuted_tokens_go_where_they_came_from() -> None:
    order = torch.randperm(24)
    site = site_through(lambda x: x.flatten(2).transpose(1, 2)[:, order])
    assert site.layout.keys.cells[0].tolist() == order.tolist()
    assert site.grid is None
    row = site.attention
    seen = looks_at(row, site.layout, 1, 2)
    token = int((order == 1 * 6 + 2).nonzero())
    scores = (row.query[0, 0, token] * row.key[0, 0]).sum(-1) * row.scale
    expected = torch.empty(24)
    expected[order] = scores.softmax(-1)
    assert (seen[0].flatten() - expected).abs().max() < 1e-6


def test_a_video_has_a_third_axis() -> None:
    class Video(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            tokens = x.flatten(2).transpose(1, 2)
            return F.scaled_dot_product_attention(tokens, tokens, tokens)

    module, frames = Video(), torch.randn(1, 3, 2, 4, 4)
    with torch.inference_mode(), capture(module) as recording:
        module(frames)
    (site,) = place(recording.trace, survey(module, frames)).sites
    assert layout_kind(site) == "global"
    assert site.grid == PatchGrid(4, 4, depth=2)


def site_with(queries: Tensor | None, keys: Tensor | None, grid: PatchGrid, **more: bool) -> Site:
    sides = [None if side is None else Cells(side.int(), grid) for side in (queries, keys)]
    tokens = [4 if side is None else side.shape[1] for side in (queries, keys)]
    matrix = Attention(probabilities=torch.full((1, 1, *tokens), 1.0))
    return Site("s00", "attention", 0, "", matrix, layout=Layout(*sides, **more))


GRID = PatchGrid(4, 4)
CELLS = torch.arange(16).view(4, 4)


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (CELLS.view(1, 16), "global"),
        (blocks(4, 2), "window"),
        (CELLS, "axial"),
        (CELLS.T, "axial"),
        (CELLS.view(2, 2, 2, 2).permute(1, 3, 0, 2).reshape(4, 4), "grid"),
        (
            CELLS.roll((-1, -1), (0, 1)).view(2, 2, 2, 2).transpose(1, 2).reshape(4, 4),
            "shifted window",
        ),
        (blocks(4, 2, 1), "neighbourhood"),
        (torch.tensor([[0, 5, 6, 15], [1, 2, 3, 4]]), "unknown"),
    ],
)
def test_the_word_for_a_layout(keys: Tensor, kind: str) -> None:
    assert layout_kind(site_with(keys, keys, GRID)) == kind


def test_the_word_where_queries_or_keys_have_no_place() -> None:
    keys = CELLS.view(1, 16)
    assert layout_kind(site_with(None, keys, GRID, queries_nowhere=True)) == "cross"
    assert layout_kind(site_with(None, keys, GRID)) == "unknown"
    assert layout_kind(site_with(None, None, GRID, keys_nowhere=True)) == "placeless"
    assert layout_kind(site_with(None, None, GRID)) == "unknown"
    assert layout_kind(site_with(None, None, GRID, over_channels=True)) == "channel×channel"
