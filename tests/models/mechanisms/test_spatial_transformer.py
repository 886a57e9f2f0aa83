"""The spatial transformer: the identity at first, then the pixels that theta names."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import (
    ComposedSpatialTransformer,
    Look,
    SpatialTransformer,
    compose,
)

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


def test_a_window_in_a_window_is_the_product_of_homogeneous_matrices() -> None:
    generator = torch.Generator().manual_seed(1)
    outer, inner = torch.randn(2, 4, 2, 3, dtype=torch.float64, generator=generator)
    last = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(4, 1, 3)
    product = torch.cat([outer, last], dim=1) @ torch.cat([inner, last], dim=1)
    torch.testing.assert_close(compose(outer, inner), product[:, :2])


def looking_twice(first: list[list[float]], second: list[list[float]]) -> nn.Module:
    looks = {}
    for name, theta, size in (("first", first, 6 * 8), ("second", second, 5 * 4)):
        look = Look(nn.Sequential(nn.Flatten(), nn.Linear(size, 5)), 5, (5, 4))
        with torch.no_grad():
            look.theta.bias.copy_(torch.tensor(theta).flatten())
        looks[name] = look
    return ComposedSpatialTransformer(looks).double()


def test_a_second_look_reads_from_the_input_itself() -> None:
    first = [[0.6, -0.4, 0.1], [0.3, 0.7, -0.2]]
    second = [[0.8, 0.2, -0.1], [0.0, 0.9, 0.3]]
    x = picture()
    got = looking_twice(first, second)(x).detach().numpy()
    homogeneous = [np.array([*theta, [0.0, 0.0, 1.0]]) for theta in (first, second)]
    theta = (homogeneous[0] @ homogeneous[1])[:2]
    for one, result in zip(x.numpy(), got, strict=True):
        np.testing.assert_allclose(result[0], sample(one[0], theta, 5, 4), atol=1e-5)


def test_a_second_look_is_shown_the_first_ones_window() -> None:
    layer = looking_twice([[0.5, 0.0, 0.25], [0.0, 0.5, 0.0]], [[1.0, 0, 0], [0, 1.0, 0]])
    nn.init.normal_(
        layer.looks["second"].theta.weight
    )  # so that what it says depends on what it sees
    x = picture()
    outside = x.clone()
    outside[..., 0] += 1  # the window begins at x = -0.25, column 2.5
    torch.testing.assert_close(layer.locate(outside), layer.locate(x))
    inside = x.clone()
    inside[..., 5] += 1
    assert not torch.allclose(layer.locate(inside), layer.locate(x))


def test_every_look_learns_from_its_own_window_alone() -> None:
    layer = looking_twice([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]], [[1.0, 0, 0], [0, 1.0, 0]])
    first, second = layer.glimpses(picture())
    second.window.square().sum().backward(retain_graph=True)
    assert layer.looks["first"].theta.weight.grad is None
    assert layer.looks["second"].theta.weight.grad.abs().sum() > 0
    first.window.square().sum().backward()
    assert layer.looks["first"].theta.weight.grad.abs().sum() > 0
