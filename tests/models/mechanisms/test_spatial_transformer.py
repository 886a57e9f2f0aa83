"""The spatial transformer: the identity at first, then the pixels that theta names."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.mechanisms.spatial_transformer import SpatialTransformer

Array = NDArray[np.float64]


def transformer(output: tuple[int, int], theta: list[list[float]] | None = None) -> nn.Module:
    localisation = nn.Sequential(nn.Flatten(), nn.Linear(1 * 6 * 8, 5))
    layer = SpatialTransformer(localisation, 5, output).double()
    if theta is not None:
        with torch.no_grad():
            layer.theta.bias.copy_(torch.tensor(theta).flatten())
    return layer


def sample(picture: Array, theta: Array, height: int, width: int) -> Array:
    """Equations 1 and 5: each output pixel is four neighbours of its source point, weighted."""
    rows, columns = picture.shape
    result = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            target = np.array([(2 * j + 1) / width - 1, (2 * i + 1) / height - 1, 1])
            x, y = theta @ target
            x, y = ((x + 1) * columns - 1) / 2, ((y + 1) * rows - 1) / 2
            for m in range(rows):
                for n in range(columns):
                    weight = max(0.0, 1 - abs(x - n)) * max(0.0, 1 - abs(y - m))
                    result[i, j] += picture[m, n] * weight
    return result


def picture() -> Tensor:
    return torch.randn(2, 1, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_it_begins_as_the_identity() -> None:
    x = picture()
    torch.testing.assert_close(transformer((6, 8))(x), x, atol=1e-5, rtol=0)


def test_it_samples_by_equations_1_and_5() -> None:
    theta = [[0.6, -0.4, 0.1], [0.3, 0.7, -0.2]]
    x = picture()
    got = transformer((5, 4), theta)(x).detach().numpy()
    for one, result in zip(x.numpy(), got, strict=True):
        np.testing.assert_allclose(result[0], sample(one[0], np.array(theta), 5, 4), atol=1e-5)


def test_what_lies_outside_is_zero() -> None:
    far_away = [[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]]
    assert not transformer((6, 8), far_away)(picture()).any()


def test_the_localisation_network_learns_from_what_was_sampled() -> None:
    layer = transformer((6, 8))
    layer(picture()).square().sum().backward()
    assert layer.theta.weight.grad.abs().sum() > 0
