"""Gradient maps by row propagation against the matrix forms, in float64 through autograd itself."""

import pytest
import torch
from torch import Tensor

from fovea.models.capture import capture
from fovea.models.maps import gradients
from fovea.models.maps.gradients import NoGradients, gradient_rows
from fovea.models.maps.mass import dino, heaviest
from fovea.models.maps.rollout import rollout, vit_explain
from fovea.models.methods.making import for_class as explain
from fovea.models.places.layout import place, survey
from fovea.models.records import Map
from fovea.models.running.inference import run
from tests.models.maps.conftest import Exact, close, vit


def both(exact: Exact, name: str) -> tuple[Map, Map]:
    """A map from a trace that has all gradients, and straight from the network, block by block."""
    at_once = getattr(gradients, name)(exact.trace)
    streamed = getattr(explain, name)(exact.module, exact.photo, exact.target, exact.layouts)
    return at_once, streamed


def test_gradient_of_every_entry(exact: Exact) -> None:
    for site, expected in zip(exact.trace.sites, exact.gradients, strict=True):
        assert close(gradient_rows(site.attention), expected)
        some = torch.tensor([0, 3])
        assert close(gradient_rows(site.attention, some), expected[:, some])


def test_gradient_rollout(exact: Exact) -> None:
    total = identity = torch.eye(exact.matrices[0].shape[-1], dtype=torch.float64)
    for attention, gradient in zip(exact.matrices, exact.gradients, strict=True):
        mixed = (attention * gradient).mean(0).clamp(min=0) + identity
        total = mixed / mixed.sum(-1, keepdim=True) @ total
    for found in both(exact, "gradient_rollout"):
        assert exact.row_is(total[0], found)
        assert close(found.values.flatten(), total[0, exact.prefix :])


def test_relevance(exact: Exact) -> None:
    total = torch.eye(exact.matrices[0].shape[-1], dtype=torch.float64)
    for attention, gradient in zip(exact.matrices, exact.gradients, strict=True):
        total = total + (attention * gradient).clamp(min=0).mean(0) @ total
    for found in both(exact, "relevance"):
        assert exact.row_is(total[0], found)
        assert close(found.values.flatten(), total[0, exact.prefix :])


def test_attention_grad_cam(exact: Exact) -> None:
    prefix = exact.prefix
    weight = exact.gradients[-1][:, 0, prefix:].mean(-1)
    expected = torch.einsum("h,hj->j", weight, exact.matrices[-1][:, 0, prefix:]) / len(weight)
    for found in both(exact, "attention_grad_cam"):
        assert close(found.values.flatten(), expected.clamp(min=0))


@pytest.mark.parametrize(("fusion", "discard"), [("mean", 0.0), ("max", 0.9), ("min", 0.5)])
def test_rollout_and_the_variant_of_vit_explain(exact: Exact, fusion: str, discard: float) -> None:
    """Ã = rownorm((F + I)/2), with the smallest entries of F gone, as matrices."""
    reduce = {"mean": Tensor.mean, "max": Tensor.amax, "min": Tensor.amin}[fusion]
    total = identity = torch.eye(exact.matrices[0].shape[-1], dtype=torch.float64)
    for attention in exact.matrices:
        fused = reduce(attention, 0)
        order = fused.flatten().argsort()[: int(discard * fused.numel())]
        fused = fused.flatten().index_fill(0, order, 0).view_as(fused)
        mixed = (fused + identity) / 2
        total = mixed / mixed.sum(-1, keepdim=True) @ total
    assert exact.row_is(total[0], rollout(exact.trace, fusion, discard))
    assert exact.row_is(total[0], vit_explain(exact.trace, fusion, discard))
    again = explain.rollout(exact.module, exact.photo, fusion, discard, exact.layouts)
    assert exact.row_is(total[0], again)


def test_dino_keeps_the_smallest_set_above_the_mass(exact: Exact) -> None:
    result = dino(exact.trace, 0.6)
    for head, row in enumerate(exact.matrices[-1][:, 0, exact.prefix :]):
        order = row.argsort(descending=True)
        count = int((row[order].cumsum(0) / row.sum() < 0.6).sum()) + 1
        kept = result.values[head].flatten().nonzero().flatten()
        assert set(kept.tolist()) == set(order[:count].tolist())


def test_heaviest_by_hand() -> None:
    values = torch.tensor([0.1, 0.5, 0.15, 0.25])
    assert heaviest(values, 0.6).tolist() == pytest.approx([0, 0.5, 0, 0.25])
    assert heaviest(values, 1.0).tolist() == pytest.approx(values.tolist())


def test_explicit_matrices_have_their_gradients() -> None:
    """The same network with fused attention off gives the same maps through the other signature."""
    module, photo = vit(img_size=(32, 32)), torch.randn(1, 3, 32, 32)
    results = []
    for fused in (True, False):
        for block in module.blocks:
            block.attn.fused_attn = fused
        results.append(explain.relevance(module, photo, 7).values.double())
    assert close(results[0], results[1])


def test_without_gradients_it_says_so() -> None:
    module, photo = vit(img_size=(32, 32)), torch.randn(1, 3, 32, 32)
    _, (trace,) = run(module, photo)
    with pytest.raises(NoGradients, match=r"Recording\.differentiate"):
        gradients.relevance(trace)
    with capture(module) as recording:
        module(photo)
    with pytest.raises(ValueError, match="gradients=True"):
        recording.differentiate(torch.zeros(()))
    assert place(recording.trace, survey(module, photo)).sites
