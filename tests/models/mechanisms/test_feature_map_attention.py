"""Self-attention on a feature map against equations 1 to 3 in float64 NumPy."""

import numpy as np
import pytest
import torch

from fovea.models.mechanisms.feature_map_attention import FeatureMapAttention, fold_spectral_norm


def layer(spectral: bool = False, gamma: float = 0.7) -> FeatureMapAttention:
    torch.manual_seed(0)
    made = FeatureMapAttention(16, spectral=spectral).double()
    torch.nn.init.constant_(made.gamma, gamma)
    return made


def test_it_follows_equations_1_to_3() -> None:
    attention = layer()
    x = torch.randn(2, 16, 3, 5, dtype=torch.float64)
    flat = x.numpy().reshape(2, 16, 15)

    def project(name: str) -> np.ndarray:
        convolution = getattr(attention, name)
        weight = convolution.weight.detach().numpy()[:, :, 0, 0]
        return weight @ flat + convolution.bias.detach().numpy()[:, None]

    f, g, h = project("f"), project("g"), project("h")
    for number in range(2):
        s = f[number].T @ g[number]  # s_ij, places i by j
        raised = np.exp(s - s.max(axis=0))
        beta = (raised / raised.sum(axis=0)).T  # β_ji: row j looks at every i
        o = np.stack([(beta[j] * h[number]).sum(axis=1) for j in range(15)], axis=1)
        expected = 0.7 * o + flat[number]
        got = attention(x)[number].detach().numpy().reshape(16, 15)
        np.testing.assert_allclose(got, expected, atol=1e-10)


def test_it_begins_as_the_identity() -> None:
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(FeatureMapAttention(16).eval()(x), x)


def test_the_reduction_is_to_an_eighth() -> None:
    attention = FeatureMapAttention(64)
    assert (attention.f.out_channels, attention.g.out_channels) == (8, 8)
    assert attention.h.out_channels == 64


def test_spectral_norm_folds_into_plain_weights() -> None:
    attention = layer(spectral=True)
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64)
    for _ in range(30):
        attention(x)  # the power iteration needs a few passes
    attention.eval()
    before = attention(x)
    folded = fold_spectral_norm(attention)
    torch.testing.assert_close(folded(x), before)
    assert set(folded.state_dict()) == set(FeatureMapAttention(16).state_dict())
    for convolution in (attention.f, attention.g, attention.h):
        largest = np.linalg.svd(convolution.weight.detach().numpy()[:, :, 0, 0])[1][0]
        assert largest == pytest.approx(1.0, abs=1e-3)


def test_too_few_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="reduction 8"):
        FeatureMapAttention(4)
