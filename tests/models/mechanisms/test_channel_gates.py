"""SE and ECA against their formulas in float64 NumPy."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fovea.models.mechanisms.efficient_channel_attention import (
    EfficientChannelAttention,
    kernel_size,
)
from fovea.models.mechanisms.squeeze_excitation import SqueezeExcitation

Array = NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def test_squeeze_excitation_follows_equations_2_to_4() -> None:
    torch.manual_seed(0)
    layer = SqueezeExcitation(12, reduction=4).double()
    x = torch.randn(2, 12, 5, 7, dtype=torch.float64)
    w1, b1, w2, b2 = (p.detach().numpy() for p in layer.parameters())
    u = x.numpy()
    z = u.sum(axis=(2, 3)) / (5 * 7)
    s = sigmoid(np.maximum(z @ w1.T + b1, 0) @ w2.T + b2)
    np.testing.assert_allclose(layer(x).detach().numpy(), u * s[:, :, None, None], atol=1e-12)


def test_a_reduction_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="reduction 16"):
        SqueezeExcitation(8, reduction=16)


def nearest_odd(channels: int) -> int:
    """|log2(C)/2 + 1/2| brought to an odd number: down to a whole one, up by one if even."""
    t = math.floor(math.log2(channels) / 2 + 0.5)
    return t + 1 - t % 2


@pytest.mark.parametrize("channels", [16, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 2048])
def test_the_kernel_grows_with_the_logarithm_of_the_channels(channels: int) -> None:
    assert kernel_size(channels) == nearest_odd(channels)


@pytest.mark.parametrize(("channels", "size"), [(64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)])
def test_the_kernel_is_the_one_of_the_paper(channels: int, size: int) -> None:
    assert kernel_size(channels) == size


def test_efficient_channel_attention_reads_neighbouring_channels() -> None:
    torch.manual_seed(0)
    layer = EfficientChannelAttention(16).double()
    x = torch.randn(2, 16, 4, 3, dtype=torch.float64)
    weight = layer.neighbours.weight.detach().numpy().ravel()
    size = len(weight)
    pooled = np.pad(x.numpy().mean(axis=(2, 3)), ((0, 0), (size // 2, size // 2)))
    response = np.array([[row[c : c + size] @ weight for c in range(16)] for row in pooled])
    expected = x.numpy() * sigmoid(response)[:, :, None, None]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)
    assert sum(parameter.numel() for parameter in layer.parameters()) == kernel_size(16)
