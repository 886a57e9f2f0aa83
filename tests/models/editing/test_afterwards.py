"""What is asked of an edited trace after the `with`: its places, and the gradients of a class."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import fovea
from fovea.models.editing.run import edit
from fovea.models.edits import Edit, off, skip, uniform
from fovea.models.records import Attention, Trace
from fovea.models.running.observing import capture
from tests.models.editing.small_networks import PHOTO, net

ONE = PHOTO[:1]


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("change", [uniform("s00"), off("s00"), skip("s00")], ids=lambda e: e.edit)
def test_an_edited_trace_has_its_places_and_maps(change: Edit, written: bool) -> None:
    network = net(written=written)
    with torch.no_grad(), edit(network, change), capture(network) as trace:
        network(ONE)
    assert [site.grid and site.grid.shape for site in trace.sites] == [(4, 4)] * 2
    assert [site.note for site in trace.sites] == [None, None]
    assert fovea.rollout(trace).values.shape == (4, 4)


@pytest.mark.parametrize("written", [False, True])
def test_the_gradients_of_a_class_are_those_of_the_edited_network(written: bool) -> None:
    network = net(written=written)
    with torch.no_grad(), edit(network, uniform("s00")), capture(network) as trace:
        network(ONE)
    found = trace.for_class(2)
    with edit(network, uniform("s00")), capture(network, gradients=True) as within:
        wanted = within.differentiate(network(ONE)[0, 2])
    for mine, other in zip(_gradients(found), _gradients(wanted), strict=True):
        assert torch.allclose(mine, other, atol=1e-7)
    with torch.no_grad(), capture(network) as trace:
        network(ONE)
    plain = _gradients(trace.for_class(2))
    assert not torch.allclose(_gradients(found)[0], plain[0], atol=1e-4)


def _gradients(trace: Trace) -> list[Tensor]:
    def of(held: Attention) -> Tensor:
        found = held.output_gradient
        found = held.probabilities_gradient if found is None else found
        assert found is not None
        return found

    return [of(site.attention) for site in trace.sites]
