"""Attention against the formula written out in float64 NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.scores import scaled_dot_product

Array = NDArray[np.float64]


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def attend(query: Array, key: Array, value: Array, allowed: NDArray[np.bool_]) -> Array:
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    return softmax(np.where(allowed, scores, -np.inf)) @ value


def linear(layer: nn.Module, x: Array) -> Array:
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    return x @ weight.T + bias


@pytest.mark.parametrize("kind", ["open", "masked", "causal"])
def test_scaled_dot_product_follows_equation_1(kind: str) -> None:
    random = np.random.default_rng(0)
    query = random.normal(size=(2, 3, 5, 4))
    key, value = random.normal(size=(2, 3, 5, 4)), random.normal(size=(2, 3, 5, 6))
    allowed = np.ones((5, 5), dtype=bool)
    if kind == "masked":
        allowed[:, 3:] = False
    if kind == "causal":
        allowed = np.tril(allowed)
    got = scaled_dot_product(
        *(torch.from_numpy(array) for array in (query, key, value)),
        mask=torch.from_numpy(allowed) if kind == "masked" else None,
        causal=kind == "causal",
    )
    np.testing.assert_allclose(got.numpy(), attend(query, key, value, allowed), atol=1e-12)


@pytest.mark.parametrize("cross", [False, True])
def test_multi_head_attention_is_each_head_on_its_own_then_joined(cross: bool) -> None:
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim=12, heads=3).double().eval()
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    context = torch.randn(2, 7, 12, dtype=torch.float64) if cross else None
    source = (x if context is None else context).numpy()
    query = linear(layer.query, x.numpy())
    key, value = linear(layer.key, source), linear(layer.value, source)
    allowed = np.ones((5, source.shape[1]), dtype=bool)
    heads = [
        attend(query[..., part], key[..., part], value[..., part], allowed)
        for part in (slice(0, 4), slice(4, 8), slice(8, 12))
    ]
    expected = linear(layer.output, np.concatenate(heads, axis=-1))
    np.testing.assert_allclose(layer(x, context).detach().numpy(), expected, atol=1e-12)


def test_a_causal_query_does_not_see_later_tokens() -> None:
    layer = MultiHeadAttention(dim=8, heads=2).eval()
    x = torch.randn(1, 6, 8)
    changed = x.clone()
    changed[:, 4:] += 1
    before, after = layer(x, causal=True), layer(changed, causal=True)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="multiple of heads"):
        MultiHeadAttention(dim=10, heads=3)
