"""Kinds of site over a socket: strips, gates beyond 0…1, points that no theta gives, raw values."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load
from safetensors.torch import save_file
from torch import Tensor, nn

from fovea.models.catalog.catalog import Catalog
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.networks import build
from fovea.server.settings import Settings
from fovea.server.wire import schemas
from tests.server.asking import NPY, PNG, SAFETENSORS, at, npy
from tests.server.conftest import Running, running

TOML = """
builder = "{builder}"
weights = "{name}.safetensors"
labels = ["a", "b", "c", "d", "e"]
[preprocessing]
size = [112, 112]
mean = [0.4, 0.5, 0.6]
std = [0.2, 0.25, 0.3]
interpolation = "bilinear"
crop = "centre"
{arguments}
"""


class Bent(nn.Module):
    """Reads the photo at displaced points, what it read through a window, and gates it by 2σ."""

    def __init__(self) -> None:
        super().__init__()
        self.flow, self.theta = nn.Conv2d(3, 2, 1), nn.Linear(3, 6)
        self.features, self.gate = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        eye = torch.eye(2, 3).expand(len(x), -1, -1)
        flow = torch.tanh(self.flow(F.avg_pool2d(x, 4))).permute(0, 2, 3, 1)
        grid = F.affine_grid(eye, [len(x), 3, 28, 28], align_corners=False) + 0.3 * flow
        x = F.grid_sample(x, grid, align_corners=False)
        theta = 0.6 * eye + 0.1 * torch.tanh(self.theta(x.mean((2, 3)))).unflatten(1, (2, 3))
        window = F.affine_grid(theta, [len(x), 3, 16, 16], align_corners=True)
        x = self.features(F.grid_sample(x, window, align_corners=False))
        x = x * (2 * torch.sigmoid(self.gate(x.mean((2, 3)))))[:, :, None, None]
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of networks with seeded weights: coordinate attention, and `Bent`."""
    home = tmp_path_factory.mktemp("kinds")
    torch.manual_seed(3)
    coordinate = 'gate = "coordinate"\nclasses = 5'
    for name, network, builder, arguments in (
        (
            "strips",
            build("gated_resnet", gate="coordinate", classes=5),
            "fovea.models.networks.gated_resnet:GatedResNet",
            f"[arguments]\n{coordinate}",
        ),
        ("bent", Bent(), f"{__name__}:Bent", ""),
    ):
        save_file(network.state_dict(), home / f"{name}.safetensors")
        text = TOML.format(builder=builder, name=name, arguments=arguments)
        (home / f"{name}.toml").write_text(text)
    with running(Settings(models_dir=home, offline=True, default_model="strips")) as started:
        yield started


@pytest.fixture(scope="module")
def strips(own: Running, picture: Callable[[int], bytes]) -> dict[str, Any]:
    return own.analyse(picture(0), "strips")


@pytest.fixture(scope="module")
def bent(own: Running, picture: Callable[[int], bytes]) -> dict[str, Any]:
    return own.analyse(picture(0), "bent")


def test_every_block_is_a_strip_gate(strips: dict[str, Any]) -> None:
    rows = [schemas.SiteSummary.model_validate(row) for row in strips["sites"]]
    assert {(row.kind, row.title) for row in rows} == {("strip-gate", "Strip gate")}
    assert [row.channels for row in rows] == [64, *[160] * 4, *[320] * 2]
    sides = [(row.grid.rows, row.grid.columns) for row in rows if row.grid]
    assert sides == [(28, 28), *[(14, 14)] * 4, *[(7, 7)] * 2]
    assert rows[0].range == [0, 1]


def test_a_strip_gate_gives_both_strips_and_their_product(
    own: Running, strips: dict[str, Any]
) -> None:
    path = at(strips, "/sites/s03/gate")
    answer = own.client.get(path).json()
    rows, columns = np.array(answer["rows"]), np.array(answer["columns"])
    assert answer["axes_of"] == {"rows": ["channel", "row"], "columns": ["channel", "column"]}
    assert rows.shape == columns.shape == (160, 14)
    expected = (rows[:, :, None] * columns[:, None]).mean(0)
    np.testing.assert_allclose(answer["values"], expected, atol=1e-6)
    np.testing.assert_allclose(npy(own.client.get(path, headers=NPY)), expected, atol=1e-6)
    packed = load(own.client.get(path, headers=SAFETENSORS).content)
    np.testing.assert_allclose(packed["rows"], rows, atol=1e-7)
    overlay = own.client.get(path, headers=PNG)
    with Image.open(io.BytesIO(overlay.content)) as image:
        assert image.size == (200, 120)
    feature = npy(own.client.get(at(strips, "/sites/s03/features?channel=2"), headers=NPY))
    assert feature.shape == (14, 14)


def test_the_steps_of_a_strip_gate_follow_from_one_another(
    own: Running, strips: dict[str, Any]
) -> None:
    """Hou et al. 2021, equations 4 to 9, from the printed numbers and the named modules."""
    answer = own.client.get(at(strips, "/sites/s06/steps")).json()
    steps = {one["name"]: one for one in schemas.Steps.model_validate(answer).model_dump()["steps"]}
    network = Catalog(models_dir=own.engine.settings.models_dir, offline=True).load("strips").module
    gate = network.get_submodule("stages.2.1.gate").double()
    rows, columns = (
        torch.tensor(steps[name]["values"], dtype=torch.float64)
        for name in ("mean of rows", "mean of columns")
    )
    with torch.no_grad():
        both = gate.norm(gate.squeeze(torch.cat([rows, columns], 1)[None, :, :, None]))
        both = both * (both + 3).clamp(0, 6) / 6
        strip_of_rows = gate.excite_rows(both[:, :, :7])[0, :, :, 0].sigmoid()
        strip_of_columns = gate.excite_columns(both[:, :, 7:])[0, :, :, 0].sigmoid()
    printed = [np.array(steps[name]["values"]) for name in ("row factors", "column factors")]
    np.testing.assert_allclose(printed[0], strip_of_rows, atol=1e-5)
    np.testing.assert_allclose(printed[1], strip_of_columns, atol=1e-5)
    product = (printed[0][:, :, None] * printed[1][:, None]).mean(0)
    np.testing.assert_allclose(steps["product"]["values"], product, atol=1e-5)
    names = list(steps)
    assert names.index("mean of rows") < names.index("hard swish") < names.index("row factors")
    assert names[-1] == "scale"


def test_a_view_of_another_kind_lists_those_that_have_it(
    own: Running, strips: dict[str, Any]
) -> None:
    refused = own.client.get(at(strips, "/sites/s00/grid")).json()
    assert (refused["type"], refused["valid"]) == ("/problems/wrong-kind", ["spatial-transformer"])
    figure = own.client.get(at(strips, "/figures/gate")).json()
    assert figure["data"][0]["type"] == "heatmap"


def test_a_gate_beyond_one_says_its_range(bent: dict[str, Any], own: Running) -> None:
    (gate,) = [row for row in bent["sites"] if row["kind"] == "channel-gate"]
    assert gate["range"] == [0, 2]
    assert "between 0 and 2" in gate["note"]
    values = npy(own.client.get(at(bent, f"/sites/{gate['id']}/gate"), headers=NPY))
    assert 0 <= values.min() <= values.max() <= 2


def test_points_that_no_theta_gives(bent: dict[str, Any], own: Running) -> None:
    outer, inner, _ = bent["sites"]
    assert (outer["kind"], outer["theta"]) == ("spatial-transformer", None)
    assert "displaced" in outer["note"]
    assert (inner["reads_through"], inner["align_corners"]) == (["s00"], False)
    grid = own.client.get(at(bent, "/sites/s00/grid")).json()
    assert grid["theta"] is None
    assert np.array(grid["grid"]).shape == (28, 28, 2)
    through = own.client.get(at(bent, "/sites/s01/grid")).json()
    # Where the inner window's cells were read on the photo: between the outer one's points.
    shares, points = np.array(through["points"]), np.array(grid["grid"])
    low, high = (points.min((0, 1)) + 1) / 2, (points.max((0, 1)) + 1) / 2
    assert shares.shape == (16, 16, 2)
    assert (shares >= low - 1e-6).all()
    assert (shares <= high + 1e-6).all()
    drawn = own.client.get(at(bent, "/sites/s01/grid"), headers=PNG)
    with Image.open(io.BytesIO(drawn.content)) as image:
        assert image.size == (200, 120)
    names = [one["name"] for one in own.client.get(at(bent, "/sites/s00/steps")).json()["steps"]]
    assert "theta" not in names
    assert names[-2:] == ["neighbours", "read"]


@pytest.mark.parametrize("site", ["s00", "s01"])
def test_what_a_sampler_passes_on_is_what_is_named(
    own: Running, bent: dict[str, Any], site: str
) -> None:
    path = at(bent, f"/sites/{site}/grid/warped")
    raw = npy(own.client.get(path, headers=NPY))
    assert np.array_equal(npy(own.client.get(f"{path}?values=tensor", headers=NPY)), raw)
    pictured = npy(own.client.get(f"{path}?values=picture", headers=NPY))
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.25, 0.3])
    expected = raw * std[:, None, None] + mean[:, None, None]
    np.testing.assert_allclose(pictured, expected, atol=1e-5)
    told = own.client.get(path, headers={"Accept": "application/json"}).json()
    assert (told["values_are"], told["picture"]) == ("tensor", True)
    assert own.client.get(path, headers=PNG).headers["Content-Type"] == "image/png"
    refused = own.client.get(f"{path}?values=tensor", headers=PNG)
    assert (refused.status_code, refused.json()["type"]) == (406, "/problems/not-acceptable")


def test_the_document_lists_every_kind() -> None:
    text = (Path(__file__).parents[3] / "docs/api.md").read_text()
    missing = [name for name in SITE_KINDS if f"`{name}`" not in text]
    assert not missing
