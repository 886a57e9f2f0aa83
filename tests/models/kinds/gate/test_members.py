"""Gates by what varies with the photo and by which axis is which, however they are written."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.records import Site

CHANNELS, ROWS, COLUMNS = 6, 5, 7


class Gated(nn.Module):
    """A map that a function of it and of two layers gates; `gate` is what the function made."""

    def __init__(self, write: Callable[["Gated", Tensor], Tensor]) -> None:
        super().__init__()
        self.fc, self.mask = nn.Linear(CHANNELS, CHANNELS), nn.Conv2d(CHANNELS, 1, 3, padding=1)
        self.pointwise = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.coarse = nn.Conv2d(CHANNELS, 1, 1)
        self.write, self.gate = write, torch.empty(0)

    def kept(self, gate: Tensor) -> Tensor:
        self.gate = gate
        return gate

    def channel(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.write(self, x)


def sites_of(
    write: Callable[[Any, Tensor], Tensor], batch: int = 2
) -> tuple[tuple[Site, ...], Any]:
    torch.manual_seed(0)
    module = Gated(write).eval()
    x = torch.randn(batch, CHANNELS, ROWS, COLUMNS)
    plain = module(x.clone())
    with torch.inference_mode(), capture(module, features=True) as recording:
        watched = module(x.clone())
    assert torch.equal(plain, watched)
    return recording.trace.sites, module


CHANNEL: dict[str, tuple[Any, tuple[float, float]]] = {
    "1 + sigmoid": (lambda m, x: x * m.kept(1 + m.channel(x).sigmoid()), (1, 2)),
    "2 sigmoid": (lambda m, x: x * m.kept(2.0 * m.channel(x).sigmoid()), (0, 2)),
    "1 - sigmoid": (lambda m, x: m.kept(1 - m.channel(x).sigmoid()) * x, (0, 1)),
    "tanh": (lambda m, x: x.mul(m.kept(torch.tanh(m.channel(x)))), (-1, 1)),
    "1 + tanh": (lambda m, x: x * m.kept(m.channel(x).tanh().add(1)), (0, 2)),
    "half of 1 + tanh": (lambda m, x: x * m.kept((1 + m.channel(x).tanh()) / 2), (0, 1)),
    "written out": (lambda m, x: x * m.kept(1 / (1 + torch.exp(-m.channel(x)))), (0, 1)),
    "reciprocal": (lambda m, x: x * m.kept((1 + (-m.channel(x)).exp()).reciprocal()), (0, 1)),
    "hard sigmoid": (
        lambda m, x: x * m.kept(F.hardtanh(m.channel(x), -3, 3).add(3).div(6)),
        (0, 1),
    ),
    "clamped": (lambda m, x: x * m.kept((0.2 * m.channel(x) + 0.5).clamp(0, 1)), (0, 1)),
    "sum of two": (
        lambda m, x: x * m.kept(m.channel(x).sigmoid() + m.channel(x.abs()).sigmoid()),
        (0, 2),
    ),
    "expanded": (lambda m, x: torch.mul(x, m.kept(m.channel(x).sigmoid()).expand_as(x)), (0, 1)),
}


@pytest.mark.parametrize("name", CHANNEL)
def test_a_factor_on_channels_is_a_gate_with_its_bounds(name: str) -> None:
    write, bounds = CHANNEL[name]
    (site,), module = sites_of(write)
    assert (site.kind, site.channels) == ("channel-gate", CHANNELS)
    torch.testing.assert_close(site.gate.values, module.gate)
    assert site.tensors.bounds == pytest.approx(bounds)
    beyond = bounds[0] < 0 or bounds[1] > 1
    assert ("between" in (site.note or "")) == beyond


def test_a_map_divided_by_one_plus_exp_is_gated_by_the_sigmoid() -> None:
    (site,), module = sites_of(lambda m, x: x / (1 + torch.exp(-m.kept(m.channel(x)))))
    assert site.kind == "channel-gate"
    torch.testing.assert_close(site.gate.values, module.gate.sigmoid())
    assert site.tensors.bounds == (0, 1)


@pytest.mark.parametrize(
    "write",
    [
        lambda m, x: torch.addcmul(x, x, m.kept(m.channel(x).sigmoid())),
        lambda m, x: torch.einsum("bchw,bc->bchw", x, m.kept(m.channel(x).sigmoid()).flatten(1)),
        lambda m, x: torch.einsum("bc,bchw->bchw", m.kept(m.channel(x).sigmoid()).flatten(1), x),
        lambda m, x: x.mul_(m.kept(m.channel(x).sigmoid())),
    ],
    ids=["addcmul", "einsum", "einsum turned", "in place"],
)
def test_other_spellings_of_the_product(write: Any) -> None:
    (site,), module = sites_of(write)
    assert site.kind == "channel-gate"
    assert torch.equal(site.gate.values, module.gate)


def test_simplified_channel_attention_has_no_activation_and_no_bounds() -> None:
    """NAFNet (Chen et al. 2022, equation 6): X * W pool(X)."""
    (site,), module = sites_of(lambda m, x: x * m.kept(m.pointwise(F.adaptive_avg_pool2d(x, 1))))
    assert site.kind == "channel-gate"
    assert torch.equal(site.gate.values, module.gate)
    assert "no bounds" in (site.note or "")


class ResponseNorm(nn.Module):
    """Global response normalisation, channels last (Woo et al. 2023, equations 1 to 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((1, 1, 1, CHANNELS), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        norms = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        self.scale = norms / (norms.mean(dim=-1, keepdim=True) + 1e-6)
        return (self.gamma * (x * self.scale) + x).permute(0, 3, 1, 2)


def test_global_response_normalisation() -> None:
    module = ResponseNorm()
    with torch.inference_mode(), capture(module) as recording:
        module(torch.randn(2, CHANNELS, ROWS, COLUMNS))
    (site,) = recording.trace.sites
    assert site.kind == "channel-gate"
    assert torch.equal(site.gate.values, module.scale.permute(0, 3, 1, 2))


SPATIAL: dict[str, Any] = {
    "tanh": lambda m, x: x * m.kept(m.mask(x).tanh()),
    "no activation": lambda m, x: x * m.kept(m.mask(x)),
    "enlarged": lambda m, x: (
        x
        * m.kept(
            F.interpolate(
                torch.sigmoid(m.coarse(F.avg_pool2d(x, 2))), size=(ROWS, COLUMNS), mode="bilinear"
            )
        )
    ),
    "einsum": lambda m, x: torch.einsum("nchw,nhw->nchw", x, m.kept(m.mask(x).sigmoid())[:, 0]),
}


@pytest.mark.parametrize("name", SPATIAL)
def test_a_factor_on_places_is_a_mask(name: str) -> None:
    (site,), module = sites_of(SPATIAL[name])
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate)


def energy(x: Tensor, regulariser: float = 1e-4) -> Tensor:
    """The inverse of SimAM's energy (Yang et al. 2021, equation 5)."""
    distance = (x - x.mean(dim=(2, 3), keepdim=True)).pow(2)
    variance = distance.sum(dim=(2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
    return distance / (4 * (variance + regulariser)) + 0.5


def test_simam_is_a_mask_for_every_channel() -> None:
    (site,), module = sites_of(lambda m, x: x * m.kept(torch.sigmoid(energy(x))))
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate)
    assert site.gate.values.shape == (2, CHANNELS, ROWS, COLUMNS)
    assert "mean" in (site.note or "")


def test_bam_is_a_mask_for_every_channel() -> None:
    """Park et al. 2018, equations 1 and 2: F + F·σ(M_c + M_s)."""
    (site,), module = sites_of(
        lambda m, x: x * m.kept(1 + torch.sigmoid(m.channel(x).expand_as(x) + m.mask(x)))
    )
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate)
    assert site.tensors.bounds == (1, 2)


@pytest.mark.parametrize("times", [None, ROWS * COLUMNS])
def test_a_softmax_over_all_places_is_a_mask(times: int | None) -> None:
    def write(m: Any, x: Tensor) -> Tensor:
        shares = m.mask(x).flatten(2).softmax(-1)
        shares = shares if times is None else shares.view(-1, 1, ROWS, COLUMNS) * times
        return (x * m.kept(shares.view(-1, 1, ROWS, COLUMNS))).mean((2, 3))

    (site,), module = sites_of(write)
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate)
    assert ("sum to 1" in (site.note or "")) == (times is None)


def test_a_softmax_whose_products_are_summed_over_places_is_attention() -> None:
    sites, _ = sites_of(lambda m, x: (x.flatten(2) * m.mask(x).flatten(2).softmax(-1)).sum(-1))
    assert [site.kind for site in sites] == ["attention"]


def test_concurrent_gates_are_two() -> None:
    """ScSE (Roy et al. 2018)."""
    sites, _ = sites_of(lambda m, x: x * m.channel(x).sigmoid() + x * m.mask(x).sigmoid())
    assert [site.kind for site in sites] == ["channel-gate", "spatial-gate"]


NO_GATES: dict[str, Any] = {
    "swish": lambda m, x: x * x.sigmoid(),
    "quick gelu": lambda m, x: x * torch.sigmoid(1.702 * x),
    "glu": lambda m, x: m.pointwise(x) * m.pointwise(-x).sigmoid(),
    "swish of a normalised map": lambda m, x: _normalised(x) * torch.sigmoid(_normalised(x)),
    "learnt": lambda m, x: x * torch.sigmoid(m.fc.bias[:, None, None] * 2 + 1),
    "learnt, by a layer": lambda m, x: x * m.fc(m.fc.bias).tanh()[None, :, None, None],
    "a ramp": lambda m, x: x * torch.linspace(0, 1, COLUMNS).sigmoid().view(1, 1, 1, COLUMNS),
    "instance norm by hand": lambda m, x: (
        (x - x.mean((2, 3), True)) * torch.rsqrt(x.var((2, 3), keepdim=True) + 1e-5)
    ),
    "one over a deviation": lambda m, x: x * (1 / (x.std((2, 3), keepdim=True) + 1e-5)),
    "rotary": lambda m, x: x * torch.cos(m.mask(x)),
}


def _normalised(x: Tensor) -> Tensor:
    return (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)


@pytest.mark.parametrize("name", NO_GATES)
def test_what_gates_nothing(name: str) -> None:
    sites, _ = sites_of(NO_GATES[name])
    assert sites == ()


def _buffered(kind: str) -> nn.Module:
    class Buffered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.randn(CHANNELS))

        def forward(self, x: Tensor) -> Tensor:
            if kind == "written":
                self.scale.copy_(x.mean((0, 2, 3)))
            return x * torch.sigmoid(self.scale + 1)[:, None, None]

    return Buffered()


@pytest.mark.parametrize(("kind", "gates"), [("constant", 0), ("written", 1)])
def test_a_buffer_gates_only_where_the_photo_was_written_to_it(kind: str, gates: int) -> None:
    with torch.inference_mode(), capture(module := _buffered(kind)) as recording:
        module(torch.randn(1, CHANNELS, ROWS, COLUMNS))
    assert len(recording.trace.sites) == gates


TURNS: dict[str, tuple[Any, Any]] = {
    "permute": (lambda x: x.permute(0, 2, 1, 3), lambda x: x.permute(0, 2, 1, 3)),
    "transpose": (lambda x: x.transpose(1, 3).contiguous(), lambda x: x.transpose(1, 3)),
    "swapaxes": (lambda x: x.swapaxes(1, 2), lambda x: x.swapaxes(2, 1)),
    "movedim": (lambda x: x.movedim(1, 2).contiguous(), lambda x: x.movedim(2, 1)),
}


def pooled(x: Tensor) -> Tensor:
    return torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1).mean(1, keepdim=True)


@pytest.mark.parametrize("name", TURNS)
def test_a_gate_on_a_turned_map_is_no_mask_on_the_photo(name: str) -> None:
    """Triplet attention (Misra et al. 2021): where rows are channels, so are the mask's rows."""
    there, back = TURNS[name]

    def write(_: Any, x: Tensor) -> Tensor:
        turned = torch.relu(there(x))
        return back(turned * torch.sigmoid(pooled(turned))) + x * torch.sigmoid(pooled(x))

    sites, _ = sites_of(write)
    assert [site.kind for site in sites] == ["spatial-gate"]
    assert sites[0].gate.values.shape == (2, 1, ROWS, COLUMNS)


def test_rows_and_columns_that_changed_places_are_put_back() -> None:
    def write(m: Any, x: Tensor) -> Tensor:
        turned = x.permute(0, 1, 3, 2)
        return (turned * m.kept(torch.sigmoid(pooled(turned)))).permute(0, 1, 3, 2)

    (site,), module = sites_of(write)
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate.transpose(2, 3))


def test_a_mask_on_a_map_with_channels_last() -> None:
    def write(m: Any, x: Tensor) -> Tensor:
        last = x.permute(0, 2, 3, 1)
        return (last * m.kept(torch.sigmoid(last.mean(-1, keepdim=True)))).permute(0, 3, 1, 2)

    (site,), module = sites_of(write)
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate.permute(0, 3, 1, 2))
    assert site.gate.features.shape == (2, CHANNELS, ROWS, COLUMNS)


def test_a_mask_of_what_is_above_a_threshold_is_a_gate_of_ones_and_zeros() -> None:
    (site,), module = sites_of(lambda m, x: x * m.kept(m.mask(x) > 0))
    assert site.kind == "spatial-gate"
    assert torch.equal(site.gate.values, module.gate.float())
    assert site.tensors.bounds == (0, 1)


class Tokens(nn.Module):
    """Tokens of a map, two heads of values among them, and a function that gates them."""

    def __init__(self, write: Callable[["Tokens", Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.both = nn.Linear(CHANNELS, 1), nn.Linear(CHANNELS, 2)
        self.row, self.write = nn.Linear(CHANNELS, CHANNELS), write

    def heads(self, tokens: Tensor) -> Tensor:
        return self.row(tokens).unflatten(-1, (2, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.write(self, x.flatten(2).transpose(1, 2))


NAMED_ON_TOKENS: dict[str, tuple[Callable[[Any, Tensor], Tensor], str]] = {
    "a number a token": (lambda m, z: z * m.one(z).sigmoid(), "one value for each token"),
    "after views": (
        lambda m, z: m.heads(z) * m.one(z).sigmoid()[:, None],
        "one value for each token",
    ),
    "a number a head and token": (
        lambda m, z: m.heads(z) * m.both(z).sigmoid().transpose(1, 2)[..., None],
        "one value for each token",
    ),
    "a share of two values": (
        lambda m, z: m.heads(z) * (1 - m.one(z).sigmoid()[:, None]),
        "one value for each token",
    ),
    "blended, and multiplied again": (
        lambda m, z: (
            (m.heads(z) * m.both(z).sigmoid().transpose(1, 2)[..., None] + m.heads(z)) * m.heads(-z)
        ),
        "one value for each token",
    ),
    "lerp": (lambda m, z: z.lerp(m.row(z), m.one(z).sigmoid()), "a share of each of two maps"),
    "where": (lambda m, z: torch.where(m.one(z) > 0, z, m.row(z)), "a share of each of two maps"),
    "a softmax over channels": (
        lambda m, z: (z * m.row(z.mean(1, keepdim=True)).softmax(-1)).mean(1),
        "not summed over what it normalised",
    ),
    "without bounds": (
        lambda m, z: z * m.row(z.mean(1, keepdim=True)),
        "made of all tokens and without bounds",
    ),
    "Hydra attention": (  # Bolya et al. 2022, equation 6: as many heads as features
        lambda m, z: F.normalize(z, dim=-1) * (F.normalize(m.row(z), dim=-1) * z).sum(1, True),
        "made of all tokens and without bounds",
    ),
    "one number a photo": (
        lambda m, z: m.heads(z) * m.one(z.mean(1)).sigmoid()[:, :, None, None],
        "one number for each photo",
    ),
}


@pytest.mark.parametrize("name", NAMED_ON_TOKENS)
def test_what_gates_tokens_is_named_and_drawn_as_no_channel(name: str) -> None:
    write, reason = NAMED_ON_TOKENS[name]
    module, x = Tokens(write).eval(), torch.randn(2, CHANNELS, ROWS, COLUMNS)
    for _ in range(3):  # a later pass names it as the first did
        with torch.inference_mode(), capture(module) as recording:
            assert torch.equal(module(x), module(x))
        assert not recording.trace.sites
        assert any(reason in one.reason for one in recording.unseen), recording.unseen


@pytest.mark.parametrize(
    "write",
    [
        lambda m, z: z * m.row(z.mean(1, keepdim=True)).sigmoid(),
        lambda m, z: m.row(z.mean(1)).sigmoid()[:, None] * z,
    ],
)
def test_a_gate_on_the_channels_of_tokens_is_one(write: Any) -> None:
    module, x = Tokens(write).eval(), torch.randn(2, CHANNELS, ROWS, COLUMNS)
    with torch.inference_mode(), capture(module) as recording:
        module(x)
    (site,) = recording.trace.sites
    assert (site.kind, site.channels) == ("channel-gate", CHANNELS)
    assert not recording.unseen
