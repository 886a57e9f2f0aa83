"""Tokens return to the places they came from: windows, shifts and pyramids against their papers."""

import pytest
import torch
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import Cells, PatchGrid
from fovea.models.places.layout import merged, survey
from fovea.models.records import Trace
from fovea.models.running.inference import run

declare_missing_operators()


def timm_network(name: str, **options: object) -> nn.Module:
    import timm

    torch.manual_seed(0)
    return timm.create_model(name, **options).eval()


def trace_of(module: nn.Module, height: int, width: int) -> Trace:
    _, (trace,) = run(module, torch.randn(1, 3, height, width))
    return trace


@pytest.mark.parametrize(
    ("name", "options", "size", "grid", "prefix"),
    [
        ("vit_tiny_patch16_224", {"depth": 2}, (224, 224), (14, 14), 1),
        ("vit_tiny_patch16_224", {"depth": 2, "img_size": (96, 160)}, (96, 160), (6, 10), 1),
        ("deit_tiny_distilled_patch16_224", {"depth": 2}, (224, 224), (14, 14), 2),
        ("vit_small_patch14_reg4_dinov2", {"depth": 2, "img_size": 112}, (112, 112), (8, 8), 5),
        ("vit_base_patch16_siglip_224", {"depth": 1, "embed_dim": 96}, (224, 224), (14, 14), 0),
    ],
)
def test_grids_and_prefix_tokens(
    name: str, options: dict, size: tuple[int, int], grid: tuple[int, int], prefix: int
) -> None:
    trace = trace_of(timm_network(name, **options), *size)
    for site in trace.sites[:2]:
        assert (site.grid, site.prefix_tokens, site.note) == (PatchGrid(*grid), prefix, None)


def windows_of(rows: int, columns: int, window: int, shift: int) -> Tensor:
    """(window, token): the cells of each window after a cyclic shift; Liu et al. 2021, fig. 4."""
    cells = torch.arange(rows * columns).view(rows, columns)
    cells = torch.roll(cells, (-shift, -shift), (0, 1))
    blocks = [
        cells[top : top + window, left : left + window].flatten()
        for top in range(0, rows, window)
        for left in range(0, columns, window)
    ]
    return torch.stack(blocks)


def test_shifted_windows_return_to_the_photo() -> None:
    swin = timm_network(
        "swin_tiny_patch4_window7_224", depths=(2, 2), embed_dim=24, num_heads=(1, 2)
    )
    first, shifted, merged_first, merged_shifted = trace_of(swin, 224, 224).sites
    for site, expected in (
        (first, windows_of(56, 56, 7, 0)),
        (shifted, windows_of(56, 56, 7, 3)),
        (merged_first, windows_of(28, 28, 7, 0)),
        (merged_shifted, windows_of(28, 28, 7, 3)),
    ):
        assert site.grid is None
        assert torch.equal(site.layout.keys.cells.long(), expected)
        assert torch.equal(site.layout.queries.cells, site.layout.keys.cells)
        side = int(expected.numel() ** 0.5)
        assert site.layout.keys.grid == PatchGrid(side, side)
        assert "windows" in site.note


def test_pyramids_have_two_grids() -> None:
    pyramid = timm_network("pvt_v2_b0", depths=(1, 1, 1, 1))
    sites = trace_of(pyramid, 224, 224).sites
    grids = [(site.layout.queries.grid.rows, site.layout.keys.grid.rows) for site in sites]
    assert grids == [(56, 7), (28, 7), (14, 7), (7, 7)]
    assert sites[0].grid is None
    assert sites[3].grid == PatchGrid(7, 7)


def test_grid_attention_takes_every_nth_cell() -> None:
    network = timm_network("maxvit_pico_rw_256", depths=(1, 1, 1, 1))
    kinds = [s for s in trace_of(network, 256, 256).sites if s.kind == "attention"]
    block, grid = kinds[:2]
    assert torch.equal(block.layout.keys.cells.long(), windows_of(64, 64, 8, 0))
    spread = torch.arange(64 * 64).view(8, 8, 8, 8)  # (row, strided row, column, strided column)
    assert torch.equal(grid.layout.keys.cells.long(), spread.permute(1, 3, 0, 2).reshape(64, 64))


def test_class_attention_looks_at_every_patch() -> None:
    network = timm_network("cait_xxs24_224", depth=1, depth_token_only=1)
    (site,) = (s for s in trace_of(network, 224, 224).sites if s.queries == 1)
    assert (site.grid, site.prefix_tokens) == (PatchGrid(14, 14), 1)


def test_heads_folded_into_the_batch_are_heads_again() -> None:
    network = timm_network("botnet26t_256")
    sites = [s for s in trace_of(network, 256, 256).sites if s.kind == "attention"]
    assert [(s.grid, s.heads) for s in sites[::2]] == [(PatchGrid(16, 16), 4), (PatchGrid(8, 8), 4)]


def test_channels_are_never_places() -> None:
    network = timm_network("xcit_nano_12_p16_224", depth=1)
    site = trace_of(network, 224, 224).sites[0]
    assert site.layout.over_channels
    assert site.grid is None
    assert "channels" in site.note


def test_words_inside_patches() -> None:
    """TNT: 4×4 words in each of 14×14 patches, then the patches themselves (Han et al. 2021)."""
    network = timm_network("tnt_s_patch16_224", depth=1)
    inner, outer = trace_of(network, 224, 224).sites
    words = torch.arange(56 * 56).view(14, 4, 14, 4).transpose(1, 2).reshape(196, 16)
    assert torch.equal(inner.layout.keys.cells.long(), words)
    assert (outer.grid, outer.prefix_tokens) == (PatchGrid(14, 14), 1)


def test_what_cannot_be_followed_is_said() -> None:
    class Shuffled(nn.Module):
        """Tokens in an order that no view explains."""

        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 8, 8)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = tokens.sort(dim=1).values.cumsum(0)[:, :, None]
            q = tokens.mean(2, keepdim=True).transpose(1, 2)
            return nn.functional.scaled_dot_product_attention(q, q, q)

    (site,) = trace_of(Shuffled(), 32, 32).sites
    assert site.grid is None
    assert "could not be followed" in site.note


def test_every_nth_cell_is_a_coarser_grid() -> None:
    every_other = torch.tensor([[-1, 0, 2, 8, 10]], dtype=torch.int32)
    found = merged(Cells(every_other, PatchGrid(4, 4)))
    assert (found.grid, found.cells.tolist()) == (PatchGrid(2, 2), [[-1, 0, 1, 2, 3]])
    ragged = torch.tensor([[0, 2, 5]], dtype=torch.int32)
    assert merged(Cells(ragged, PatchGrid(4, 4))).grid == PatchGrid(4, 4)


def test_a_survey_covers_every_site() -> None:
    network = timm_network("sehalonet33ts")
    inputs = torch.randn(1, 3, 256, 256)
    _, (trace,) = run(network, inputs)
    assert len(survey(network, inputs)) == len(trace.sites)


def test_gates_lie_on_the_grid_of_their_feature_map() -> None:
    sites = trace_of(timm_network("legacy_seresnet18"), 224, 160).sites
    assert [s.grid for s in sites[::4]] == [PatchGrid(56, 40), PatchGrid(14, 10)]
