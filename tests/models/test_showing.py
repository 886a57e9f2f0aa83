"""What a prompt and a notebook show of a trace, a site and a map: short, and a true picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models import records, showing
from fovea.models.grids import PatchGrid
from fovea.models.networks import build
from fovea.models.records import (
    Attention,
    Gate,
    Map,
    Sampling,
    Site,
    Trace,
)
from fovea.server.wire import render


@pytest.fixture(scope="module")
def trace() -> Trace:
    query = torch.randn(1, 3, 197, 64)
    attention = Attention(query, query, None, 0.125)
    gate = Gate(torch.rand(1, 64, 1, 1))
    return Trace((
        Site("s00", "channel-gate", 0, "stage.<0>", gate),
        Site("s01", "attention", 0, "blocks.0.attn", attention, PatchGrid(14, 14), 1),
    ))  # fmt: skip


def test_a_trace_counts_its_sites(trace: Trace) -> None:
    assert repr(trace) == "Trace(1 × channel-gate, 1 × attention)"
    assert repr(Trace(())) == "Trace(no sites)"
    first, second = trace.sites
    assert repr(first) == "Site(s00, channel-gate, layer 0, stage.<0>, 64 channels)"
    assert repr(second).endswith("blocks.0.attn, 3 heads, 197×197, grid 14×14)")
    assert "query=1×3×197×64" in repr(second.attention)
    assert "tensor(" not in repr(trace.sites) + repr(second.attention) + repr(first.gate)


def test_no_record_of_tensors_prints_its_numbers() -> None:
    kinds = records.Tensors.__subclasses__()
    assert {Attention, Gate, Sampling} <= set(kinds)
    assert all(kind.__repr__ is showing.Short.__repr__ for kind in kinds)


def test_a_notebook_shows_a_table(trace: Trace) -> None:
    table = trace._repr_html_()
    assert table.count("<tr>") == 3
    assert "<td>stage.&lt;0&gt;</td>" in table


def test_a_map_is_a_line_and_a_picture() -> None:
    values = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, float("nan")]])
    shown = Map(values, ("row", "column"), None, "Rollout")
    assert repr(shown) == "Map(2 row × 3 column, 0 to 4: 'Rollout')"
    png = shown._repr_png_()
    assert png is not None
    with Image.open(io.BytesIO(png)) as opened:
        picture = np.asarray(opened.convert("RGBA"), int)
    cell = picture.shape[1] // 3
    assert picture.shape == (2 * cell, 3 * cell, 4)
    seen = picture[cell // 2 :: cell, cell // 2 :: cell]
    assert seen[1, 2, 3] == 0
    known = values.isfinite().numpy()
    expected = render.heatmap(values.nan_to_num().numpy(), "viridis")
    size = expected.shape[1] // 3
    drawn = expected[size // 2 :: size, size // 2 :: size]
    assert np.abs(seen[known][:, :3] - drawn[known]).max() <= 4
    assert (seen[known][:, 3] == 255).all()


def test_heads_stand_side_by_side() -> None:
    shown = Map(torch.rand(3, 4, 5), ("head", "row", "column"), None, "Each head")
    with Image.open(io.BytesIO(shown._repr_png_() or b"")) as opened:
        width, height = opened.size
    assert width / height == pytest.approx((3 * 5 + 2) / 4)
    flat = Map(torch.full((2, 2), 7.0), ("row", "column"), None, "All the same")
    assert flat._repr_png_() is not None
    assert Map(torch.rand(8), ("channel",), None, "Gate")._repr_png_() is None
    empty = Map(torch.full((2, 2), float("nan")), ("row", "column"), None, "Nothing")
    assert "empty" in repr(empty)
    assert empty._repr_png_() is not None


def test_a_watched_pass_shows_its_table() -> None:
    from fovea import capture

    vit = build("vit", classes=5).eval()
    with capture(vit) as seen:
        vit(torch.zeros(1, 3, 112, 112))
    assert "blocks.0.attention" in seen._repr_html_()
    assert len(repr(seen.sites)) < 2000
