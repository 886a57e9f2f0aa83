"""Edits of strip gates by hand, and heads off in networks that look across, as zeroed columns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fovea
from benchmarks.coverage.small.transformers_hub import transformers_families
from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.editing.run import edit
from fovea.models.edits import RefusedEdit, mean, off, open_gate, set_gate, shut
from fovea.models.mechanisms.coordinate_attention import CoordinateAttention
from tests.models.editing.small_networks import seeded


class Strips(nn.Module):
    """x · rows · columns, in one of the ways that it is written."""

    def __init__(self, form: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.own, self.form = CoordinateAttention(6), form

    def forward(self, x: Tensor, instead: Tensor | None = None) -> Tensor:
        rows, columns = self.own.strips(x)
        if instead is not None:
            return x * instead
        if self.form == "einsum":
            return torch.einsum("bchw,bch,bcw->bchw", x, rows[..., 0], columns[:, :, 0])
        return x * (rows * columns) if self.form == "together" else x * rows * columns


@pytest.mark.parametrize("form", ["apart", "together", "einsum"])
def test_strips_are_changed_by_channel(form: str) -> None:
    network, x = Strips(form).eval(), seeded(2, 6, 5, 7, seed=2)
    with torch.no_grad():
        rows, columns = network.own.strips(x)
        plain = network(x)
    whole = rows * columns
    every = whole.mean((1, 2, 3), keepdim=True).expand_as(whole)
    cases: list[tuple[Any, list[int], Any]] = [
        (shut("s00", channels=[4]), [4], 0.0),
        (open_gate("s00", channels=[0, 2]), [0, 2], 1.0),
        (set_gate("s00", 0.3), list(range(6)), 0.3),
        (mean("s00"), list(range(6)), every),
    ]
    for change, channels, value in cases:
        wanted = whole.clone()
        wanted[:, channels] = value[:, channels] if isinstance(value, Tensor) else value
        with torch.no_grad(), edit(network, change) as run, capture(network) as seen:
            found = run(x)
        assert torch.allclose(found, network(x, wanted), atol=1e-6)
        # What nothing was changed of keeps its bits.
        others = [one for one in range(6) if one not in channels]
        assert torch.equal(found[:, others], plain[:, others])
        shown = torch.stack([trace.sites[0].tensors.product[0] for trace in seen.trace.split(2)])
        assert torch.allclose(shown, wanted, atol=1e-6)


def test_a_strip_gate_has_no_factor_of_one_place() -> None:
    network, x = Strips("apart").eval(), seeded(1, 6, 5, 7)
    for change, why in (
        (shut("s00", cells=[[0, 0]]), "none of a single place"),
        (shut("s00", channels=[6]), "no channel 6"),
    ):
        with pytest.raises(RefusedEdit, match=why), edit(network, change) as run:
            run(x)


def test_off_in_a_detector_is_zeroed_columns() -> None:
    family = next(one for one in transformers_families() if one.name == "detr")
    network, given, _ = _built(family)
    with torch.no_grad(), capture(network) as seen:
        plain = network(**given).logits
    trace = seen.trace
    # The decoder's queries look at the photo: the last attention of all.
    site = [one for one in trace.sites if one.attends and one.queries != one.keys][-1]
    with torch.no_grad(), edit(network, off(site.id, heads=[1])) as run:
        found = run(**given).logits
    joins = network.get_submodule(site.name)
    projection = next(one for name, one in joins.named_children() if name in ("out_proj", "o_proj"))
    width = projection.in_features // site.heads
    projection.weight.data[:, width : 2 * width] = 0
    with torch.no_grad():
        wanted = network(**given).logits
    assert torch.allclose(found, wanted, atol=1e-6 * float(plain.abs().max().clamp(min=1)))
    assert not torch.allclose(found, plain, atol=1e-6)


def _built(family: Any) -> tuple[nn.Module, dict[str, Any], Any]:
    declare_missing_operators()
    torch.manual_seed(0)
    network, given, named = family.build()
    return network.eval(), given, named


def test_off_in_the_captioner_is_zeroed_columns() -> None:
    loaded = fovea.load("captioner")
    photo, _ = fovea.prepare(fovea.sample("chelsea"), loaded.spec.preprocessing)
    words = torch.tensor([[1, 5, 9, 12]])
    network = loaded.module
    with torch.no_grad(), capture(network) as seen:
        plain = network(photo, words)
    trace = seen.trace
    cross = next(one for one in trace.sites if one.attends and one.queries == 4 and one.keys > 4)
    with torch.no_grad(), edit(network, off(cross.id, heads=[2])) as run:
        found = run(photo, words)
    joins = network.get_submodule(cross.name)
    width = joins.output.in_features // cross.heads
    joins.output.weight.data[:, 2 * width : 3 * width] = 0
    with torch.no_grad():
        wanted = network(photo, words)
    assert torch.allclose(found, wanted, atol=1e-6 * float(plain.abs().max().clamp(min=1)))
    assert not torch.allclose(found, plain, atol=1e-5)
