"""CBAM's two gates and three arrangements against their formulas in float64 NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fovea.models.mechanisms.cbam import ARRANGEMENTS, CBAM, ChannelGate, SpatialGate

Array = NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def channel_gate(gate: ChannelGate, f: Array) -> Array:
    w0, b0, w1, b1 = (p.detach().numpy() for p in gate.parameters())

    def mlp(pooled: Array) -> Array:
        return np.maximum(pooled @ w0.T + b0, 0) @ w1.T + b1

    return sigmoid(mlp(f.mean(axis=(2, 3))) + mlp(f.max(axis=(2, 3))))[:, :, None, None]


def spatial_gate(gate: SpatialGate, f: Array) -> Array:
    pooled = np.stack([f.mean(axis=1), f.max(axis=1)], axis=1)
    padded = np.pad(pooled, ((0, 0), (0, 0), (3, 3), (3, 3)))
    kernel = gate.conv.weight.detach().numpy()[0]
    height, width = f.shape[2:]
    response = np.array(
        [
            [
                [(picture[:, y : y + 7, x : x + 7] * kernel).sum() for x in range(width)]
                for y in range(height)
            ]
            for picture in padded
        ]
    )
    norm = gate.norm
    mean, variance = norm.running_mean.numpy(), norm.running_var.numpy()  # type: ignore[union-attr]
    scale, shift = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    normalised = (response - mean) / np.sqrt(variance + norm.eps) * scale + shift
    return sigmoid(normalised)[:, None]


def make(arrangement: str) -> CBAM:
    torch.manual_seed(0)
    layer = CBAM(8, reduction=4, arrangement=arrangement).double()
    layer(torch.randn(4, 8, 6, 9, dtype=torch.float64))  # gives the norm statistics of its own
    return layer.eval()


def expected(layer: CBAM, arrangement: str, f: Array) -> Array:
    if arrangement == "parallel":
        return f * channel_gate(layer.channel, f) * spatial_gate(layer.spatial, f)
    if arrangement == "channel_first":
        refined = f * channel_gate(layer.channel, f)
        return refined * spatial_gate(layer.spatial, refined)
    refined = f * spatial_gate(layer.spatial, f)
    return refined * channel_gate(layer.channel, refined)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_every_arrangement_follows_its_formula(arrangement: str) -> None:
    layer = make(arrangement)
    x = torch.randn(2, 8, 6, 9, dtype=torch.float64)
    got = layer(x).detach().numpy()
    np.testing.assert_allclose(got, expected(layer, arrangement, x.numpy()), atol=1e-12)


def test_the_arrangements_differ() -> None:
    x = torch.randn(2, 8, 6, 9, dtype=torch.float64)
    layers = {name: make(name) for name in ARRANGEMENTS}
    for layer in layers.values():
        layer.load_state_dict(layers["channel_first"].state_dict())
    outputs = [layer(x) for layer in layers.values()]
    for first, second in [(0, 1), (0, 2), (1, 2)]:
        assert (outputs[first] - outputs[second]).abs().max() > 1e-3


def test_the_gates_are_factors_on_channels_and_on_places() -> None:
    layer = make("channel_first").float()
    x = torch.randn(2, 8, 6, 9)
    channel, spatial = layer.channel(x), layer.spatial(x)
    assert channel.shape == (2, 8, 1, 1)
    assert spatial.shape == (2, 1, 6, 9)
    for gate in (channel, spatial):
        assert ((gate > 0) & (gate < 1)).all()


def test_an_unknown_arrangement_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="channel_first, spatial_first, parallel"):
        CBAM(16, arrangement="sideways")
