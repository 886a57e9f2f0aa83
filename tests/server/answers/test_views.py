"""Readings of sites made here, so that every number is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from fovea.models.catalog.spec import ModelSpec
from fovea.models.geometry import Geometry
from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.methods.base import BadOption
from fovea.models.methods.making import queries
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import (
    Attention,
    Gate,
    Sampling,
    Site,
    Trace,
)
from fovea.server import problems
from fovea.server.answers import views
from fovea.server.engine.analysis import Analysis
from fovea.server.intake.imaging import Photo
from fovea.server.wire import figures, schemas
from fovea.server.wire.projections import projections
from fovea.server.wire.site_schemas import site_fields

GRID = PatchGrid(2, 3)


def attention_site(
    windows: int = 1, grid: PatchGrid | None = GRID, prefix: int = 1, mask: bool = False
) -> Site:
    """Two heads over seven tokens: a class token and six patches."""
    generator = torch.Generator().manual_seed(3)
    query, key = torch.randn(2, windows, 2, 7, 4, generator=generator)
    allowed = torch.ones(1, 1, 7, 7, dtype=torch.bool).tril() if mask else None
    tensors = Attention(query, key, allowed, scale=0.5)
    return Site("s00", "attention", 0, "block", tensors, grid, prefix)


def analysis_of(*sites: Site, channels: int = 3) -> Analysis:
    wanted = Preprocessing(8, (8, 12), "bilinear", (0.5,) * channels, (0.25,) * channels, channels)
    spec = ModelSpec("m", "M", "A model.", (), "classification", "local", wanted)
    photo = Photo(np.zeros((8, 12, 3), np.uint8), "", "PNG", ())
    geometry = Geometry(12, 8, 12, 8, ((1, 0, 0), (0, 1, 0)))
    return Analysis("i", "s", spec, "0", photo, geometry, Trace(sites), 0, (), (), {})


def matrix(site: Site, window: int = 0) -> np.ndarray:
    held = site.attention
    assert held.query is not None
    assert held.key is not None
    scores = held.query[window] @ held.key[window].transpose(1, 2) * held.scale
    if held.mask is not None:
        scores = scores.masked_fill(~held.mask[0], -torch.inf)
    return scores.softmax(-1).numpy()


def read(site: Site, query: str | None = None, direction: str = "from", head: str = "mean",
         window: int | None = None) -> views.NamedArray:  # fmt: skip
    return views.attention(analysis_of(site), site, query, direction, head, window)  # type: ignore[arg-type]


def test_a_place_that_no_token_stands_for_is_refused() -> None:
    """Of a grid of 2 x 3 the last cell has no token: it was left out, as a masked encoder does."""
    known = Cells(torch.tensor([[-1, 0, 1, 2, 3, 4, -1]]), GRID)
    site = replace(attention_site(grid=None), layout=Layout(known, known))
    assert read(site, "1,1").values.shape == (2, 3)
    for direction in ("from", "to"):
        with pytest.raises(BadOption, match="no token stands for row 1, column 2"):
            read(site, "1,2", direction)
        with pytest.raises(BadOption, match="rows are 0 to 1, columns 0 to 2"):
            read(site, "2,0", direction)


def test_a_row_over_places_and_prefix() -> None:
    site = attention_site()
    row = read(site, "1,2", head="1")
    expected = matrix(site)[1, 6]
    assert (row.axes, row.covers_input) == (("row", "column"), True)
    np.testing.assert_allclose(row.values, expected[1:].reshape(2, 3), atol=1e-6)
    np.testing.assert_allclose(row.prefix, expected[:1], atol=1e-6)


def test_a_column_says_what_looks_at_it() -> None:
    site = attention_site()
    column = read(site, "cls", "to", "all")
    assert column.axes == ("head", "row", "column")
    assert column.sentence == "Layer 0, each head: what looks at the class token"
    np.testing.assert_allclose(column.values.reshape(2, 6), matrix(site)[:, 1:, 0], atol=1e-6)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
def test_fusions(fusion: str) -> None:
    site = attention_site()
    fused = getattr(np, fusion)(matrix(site), axis=0)
    np.testing.assert_allclose(read(site, "all", head=fusion).values, fused, atol=1e-6)


def test_tokens_without_places_are_a_list() -> None:
    site = attention_site(grid=None, prefix=0)
    row = read(site)
    assert (row.axes, row.values.shape) == (("key",), (7,))
    assert not row.covers_input
    assert queries.default_query(site) == "0"
    with pytest.raises(BadOption, match="no places"):
        read(site, "0,0")
    with pytest.raises(BadOption, match="no class token"):
        read(site, "cls")


def test_the_middle_patch_is_asked_about_where_there_is_no_class_token() -> None:
    site = attention_site(grid=PatchGrid(1, 7), prefix=0)
    assert read(site).about["query"] == "0,3"


def test_windows_are_read_one_at_a_time() -> None:
    site = attention_site(windows=4, grid=None, prefix=0)
    assert queries.windows(site) == 4
    for window in range(4):
        seen = read(site, "all", head="all", window=window)
        np.testing.assert_allclose(seen.values, matrix(site, window), atol=1e-6)
    np.testing.assert_allclose(read(site, "all", head="all").values, matrix(site, 2), atol=1e-6)
    with pytest.raises(BadOption, match="0 to 3"):
        read(site, window=4)


def test_a_mask_is_part_of_the_matrix_and_bars_projections() -> None:
    site = attention_site(mask=True)
    np.testing.assert_allclose(read(site, "all", head="all").values, matrix(site), atol=1e-6)
    assert not site_fields(Trace((site,)), site)["projections"]
    with pytest.raises(problems.NoProjections):
        projections(site)


def test_projections_give_the_matrix() -> None:
    site = attention_site()
    packed = projections(site)
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])["__metadata__"]
    parts = load(packed)
    scores = parts["query"] @ parts["key"].swapaxes(1, 2) * float(header["scale"])
    np.testing.assert_allclose(
        np.exp(scores - parts["log_normaliser"][..., None]), matrix(site), atol=1e-6
    )
    assert json.loads(header["axes"])["query"] == ["head", "query", "head_dim"]


def spatial_gate() -> Site:
    values = torch.linspace(0, 1, 6).reshape(1, 1, 2, 3)
    features = torch.arange(24.0).reshape(1, 4, 2, 3)
    return Site("s01", "spatial-gate", 0, "gate", Gate(values, features), GRID)


def test_gates() -> None:
    site = spatial_gate()
    np.testing.assert_allclose(views.gate(site).values, np.linspace(0, 1, 6).reshape(2, 3))
    assert views.features(site, 3).values.tolist() == [[18, 19, 20], [21, 22, 23]]
    with pytest.raises(problems.InvalidParameter, match="0 to 3"):
        views.features(site, 4)
    bare = Site("s02", "channel-gate", 0, "gate", Gate(torch.ones(1, 5, 1, 1)))
    assert (views.gate(bare).axes, views.gate(bare).values.tolist()) == (("channel",), [1.0] * 5)
    with pytest.raises(problems.MapNotPossible, match="not kept"):
        views.features(bare, 0)


def transformer(channels: int = 3) -> Site:
    theta = torch.tensor([[[0.5, 0.0, 0.25], [0.0, 0.5, -0.25]]])
    grid = torch.nn.functional.affine_grid(theta, [1, channels, 2, 2], align_corners=False)
    source = torch.zeros(1, channels, 4, 4)
    output = torch.full((1, channels, 2, 2), 2.0)
    tensors = Sampling(theta, grid, source, output)
    return Site("s00", "spatial-transformer", 0, "transformer", tensors)


def test_a_spatial_transformer() -> None:
    site = transformer()
    grid = views.sampling_grid(site)
    assert (grid.axes, grid.values.shape, grid.name) == (("row", "column", "xy"), (2, 2, 2), "grid")
    assert grid.about["theta"] == [[0.5, 0.0, 0.25], [0.0, 0.5, -0.25]]
    assert grid.values[0, 0].tolist() == [0.0, -0.5]
    summary = site_fields(Trace((site,)), site)
    assert summary["input_grid"] == schemas.Grid(rows=4, columns=4)
    assert summary["output_grid"] == schemas.Grid(rows=2, columns=2)
    assert summary["align_corners"] is False


def test_what_a_sampler_passes_on_is_raw_until_a_picture_is_asked_for() -> None:
    analysis = analysis_of(transformer())
    seen = views.warped(analysis, transformer())
    assert (seen.about["picture"], seen.about["values_are"]) == (True, "tensor")
    assert np.unique(seen.values).tolist() == [2.0]
    picture = views.as_picture(analysis, seen)
    assert picture.about["values_are"] == "picture"
    assert np.unique(picture.values).tolist() == [1.0]  # 2.0 × 0.25 + 0.5
    features = views.warped(analysis_of(transformer(7)), transformer(7))
    assert not features.about["picture"]
    assert np.unique(features.values).tolist() == [2.0]
    with pytest.raises(problems.NotAcceptable, match="7 channels"):
        views.as_picture(analysis, features)


FOR_A_CLASS = ("head-importance",)
"""Figures that take a pass of the network; asked for over a socket in api/test_sites.py."""


@pytest.mark.parametrize("name", [name for name in figures.FIGURES if name not in FOR_A_CLASS])
def test_every_figure_of_a_fitting_analysis(name: str) -> None:
    cells = Cells(torch.arange(-1, GRID.cells)[None], GRID)  # the class token has none
    placed = replace(attention_site(), layout=Layout(cells, cells))
    asked = figures.FigureRequest(analysis_of(placed, spatial_gate()))
    drawn = json.loads(figures.figure(asked, name, 1_000_000))
    assert drawn["data"]
    assert drawn["layout"]["title"]["text"]
    with pytest.raises(problems.TooLargeForJson):
        figures.figure(asked, name, 10)
    with pytest.raises(problems.MapNotPossible):
        figures.figure(figures.FigureRequest(analysis_of()), name, 1_000_000)


def test_a_matrix_is_drawn_for_one_head() -> None:
    asked = figures.FigureRequest(analysis_of(attention_site()), heads="all")
    with pytest.raises(problems.InvalidParameter, match="head=all"):
        figures.figure(asked, "attention-matrix", 10**6)
