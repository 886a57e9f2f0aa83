"""Two strips over a map, however they are written and in whatever network."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.grids import PatchGrid
from fovea.models.kinds.strip.record import Strips, strips_of
from fovea.models.mechanisms.coordinate_attention import CoordinateAttention
from fovea.models.mechanisms.squeeze_excitation import SqueezeExcitation
from fovea.models.places.layout import place

CHANNELS, ROWS, COLUMNS = 6, 5, 7


class Strip(nn.Module):
    """Two strips of one map, put onto it by `write`."""

    def __init__(self, write: Any, shared: bool = False) -> None:
        super().__init__()
        outputs = 1 if shared else CHANNELS
        self.by_row = nn.Conv1d(CHANNELS, outputs, 3, padding=1)
        self.by_column = nn.Conv1d(CHANNELS, outputs, 3, padding=1)
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.sigmoid(self.by_row(x.mean(3)))[:, :, :, None]
        columns = torch.sigmoid(self.by_column(x.amax(2)))[:, :, None]
        self.made = rows, columns
        return self.write(x, rows, columns)


WRITINGS: dict[str, Any] = {
    "one after the other": lambda x, rows, columns: x * columns * rows,
    "rows first": lambda x, rows, columns: x * rows * columns,
    "together": lambda x, rows, columns: x * (rows * columns),
    "factor first": lambda x, rows, columns: (rows * columns) * x,
    "expanded": lambda x, rows, columns: x * columns.expand_as(x) * rows.expand_as(x),
    "in place": lambda x, rows, columns: x.clone().mul_(rows).mul_(columns),
    "residual inside": lambda x, rows, columns: x + x * rows * columns,
    "einsum": lambda x, rows, columns: torch.einsum(
        "bchw,bch,bcw->bchw", x, rows[..., 0], columns[:, :, 0]
    ),
    "beyond one": lambda x, rows, columns: x * (1 + rows) * (1 + columns) / 4,
}


@pytest.mark.parametrize("name", WRITINGS)
def test_two_strips_are_one_site(name: str) -> None:
    torch.manual_seed(0)
    module, x = Strip(WRITINGS[name]), torch.randn(2, CHANNELS, ROWS, COLUMNS)
    plain = module(x)
    with torch.inference_mode(), capture(module, features=True) as recording:
        assert torch.equal(module(x), plain)
    (site,) = place(recording.trace, ()).sites
    strips, more = strips_of(site), int(name == "beyond one")
    rows, columns = (strip + more for strip in module.made)
    assert (site.kind, site.channels, site.grid) == ("strip-gate", 6, PatchGrid(ROWS, COLUMNS))
    assert torch.equal(strips.rows, rows)
    assert torch.equal(strips.columns, columns)
    assert torch.equal(strips.product, rows * columns)
    assert torch.equal(strips.features, x)
    assert strips.bounds == ((1, 4) if more else (0, 1))


def test_strips_that_all_channels_share() -> None:
    module = Strip(WRITINGS["rows first"], shared=True)
    with torch.inference_mode(), capture(module) as recording:
        module(torch.randn(1, CHANNELS, ROWS, COLUMNS))
    kinds = [site.kind for site in recording.trace.sites]
    assert kinds == ["strip-gate"]
    assert strips_of(recording.trace.sites[0]).rows.shape == (1, 1, ROWS, 1)


@pytest.mark.parametrize(
    "write",
    [
        lambda x, rows, columns: x * rows,  # one alone
        lambda x, rows, columns: x * rows * rows,
        lambda x, rows, columns: x * torch.rsqrt(rows) * torch.rsqrt(columns),  # normalised
        lambda x, rows, columns: x * torch.ones(CHANNELS, ROWS, 1) * torch.ones(1, COLUMNS),
    ],
    ids=["one", "one twice", "normalised", "constant"],
)
def test_what_is_no_pair_of_strips(write: Any) -> None:
    module = Strip(write)
    with torch.inference_mode(), capture(module) as recording:
        module(torch.randn(1, CHANNELS, ROWS, COLUMNS))
    assert recording.trace.sites == ()


def written_out(module: CoordinateAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    """Hou et al. 2021, equations 4 to 8, in float64 and by sums over indices."""
    state = {name: value.double() for name, value in module.state_dict().items()}
    x = x.double()[0]
    rows, columns = x.sum(2) / x.shape[2], x.sum(1) / x.shape[1]
    z = state["squeeze.weight"][:, :, 0, 0] @ torch.cat([rows, columns], 1)
    mean, var = state["norm.running_mean"][:, None], state["norm.running_var"][:, None]
    z = (z - mean) / (var + 1e-5).sqrt()
    z = z * state["norm.weight"][:, None] + state["norm.bias"][:, None]
    f = z * (z + 3).clamp(0, 6) / 6

    def excite(name: str, f: Tensor) -> Tensor:
        made = state[f"{name}.weight"][:, :, 0, 0] @ f + state[f"{name}.bias"][:, None]
        return 1 / (1 + (-made).exp())

    height = x.shape[1]
    return excite("excite_rows", f[:, :height]), excite("excite_columns", f[:, height:])


def test_coordinate_attention_as_published() -> None:
    torch.manual_seed(0)
    module = CoordinateAttention(16, reduction=4).eval()
    nn.init.uniform_(module.norm.running_mean)
    nn.init.uniform_(module.norm.running_var, 0.5, 2)
    x = torch.randn(1, 16, 9, 4)
    with torch.inference_mode(), capture(module, features=True) as recording:
        y = module(x)
    (site,) = recording.trace.sites
    strips = strips_of(site)
    rows, columns = written_out(module, x)
    torch.testing.assert_close(strips.rows[0, :, :, 0].double(), rows, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(strips.columns[0, :, 0].double(), columns, atol=1e-6, rtol=1e-5)
    expected = x[0].double() * rows[:, :, None] * columns[:, None]
    torch.testing.assert_close(y[0].double(), expected, atol=1e-5, rtol=1e-5)


class Released(nn.Module):
    """The shape of the authors' code: pools, one strip turned, expanded strips, a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv, self.norm = nn.Conv2d(CHANNELS, 8, 1), nn.BatchNorm2d(8)
        self.conv_h, self.conv_w = nn.Conv2d(8, CHANNELS, 1), nn.Conv2d(8, CHANNELS, 1)
        self.se = SqueezeExcitation(CHANNELS, 2)

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.size()
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        y = self.norm(self.conv(y))
        y = y * (F.relu6(y + 3) / 6)
        x_h, x_w = torch.split(y, [h, w], dim=2)
        a_w = self.conv_w(x_w.permute(0, 1, 3, 2)).sigmoid().expand(-1, -1, h, w)
        a_h = self.conv_h(x_h).sigmoid().expand(-1, -1, h, w)
        return self.se(x + x * a_w * a_h)


def test_in_a_network_with_other_gates() -> None:
    module = Released().eval()
    with torch.inference_mode(), capture(nn.Sequential(nn.ReLU(), module)) as recording:
        module(torch.randn(2, CHANNELS, ROWS, COLUMNS))
    assert [site.kind for site in recording.trace.sites] == ["strip-gate", "channel-gate"]
    assert isinstance(recording.trace.sites[0].tensors, Strips)


LONE: dict[str, Any] = {
    "one strip": lambda x: (x * x.mean(3, keepdim=True).sigmoid()).relu(),
    "a turned map": lambda x: (
        (turned := x.permute(0, 2, 1, 3)) * turned.mean(1, keepdim=True).sigmoid()
    ).permute(0, 2, 1, 3),
}


@pytest.mark.parametrize("write", LONE.values(), ids=LONE)
def test_half_of_a_strip_gate_is_named(write: Any) -> None:
    for _ in range(2):  # a later pass names it, too
        with capture(nn.Identity()) as recording:
            write(torch.randn(2, CHANNELS, ROWS, COLUMNS))
        assert recording.trace.sites == ()
        (unseen,) = recording.trace.unseen
        assert (unseen.what, unseen.operation) == ("gate", "sigmoid")
        assert "no second factor" in unseen.reason


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_of_two_strips_nothing_is_unseen(write: Any) -> None:
    module = Strip(write)
    with torch.no_grad(), capture(module) as recording:
        module(torch.randn(2, CHANNELS, ROWS, COLUMNS))
    assert recording.trace.unseen == ()


@pytest.mark.parametrize(
    "product",
    [
        lambda x: F.glu(x, 1),
        lambda x: x[:, :3] * x[:, 3:].sigmoid(),
        lambda x: F.silu(x) * x.tanh(),
    ],
    ids=["glu", "by hand", "swiglu"],
)
def test_products_of_equals_are_not_named(product: Any) -> None:
    with capture(nn.Identity()) as recording:
        product(torch.randn(2, CHANNELS, ROWS, COLUMNS)).relu()
    assert recording.trace.unseen == ()
