"""A photo's trace is the same alone, in a batch, and with gradients."""

import random

import pytest
import torch
from torch import nn

from fovea.models import networks
from fovea.models.kinds.attention.rows import rows
from fovea.models.maps.gradients import gradient_rows
from fovea.models.running import tasks
from fovea.models.running.inference import run, run_for_class


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    torch.manual_seed(0)
    return networks.build("vit", classes=7).eval().requires_grad_(False)


def test_a_batch_gives_one_trace_a_photo(vit: nn.Module) -> None:
    photos = torch.randn(3, 3, 112, 112)
    logits, traces = run(vit, photos)
    assert logits.shape == (3, 7)
    for index, trace in enumerate(traces):
        _, (alone,) = run(vit, photos[index : index + 1])
        for one, other in zip(trace.sites, alone.sites, strict=True):
            assert (one.grid, one.prefix_tokens) == (other.grid, other.prefix_tokens)
            assert (rows(one.attention) - rows(other.attention)).abs().max() < 1e-5
        assert trace.nbytes == alone.nbytes


def test_frozen_parameters_do_not_stand_in_the_way_of_gradients(vit: nn.Module) -> None:
    photo = torch.randn(1, 3, 112, 112)
    _, (plain,) = run(vit, photo)
    logits, trace = run_for_class(vit, photo, target=4)
    assert (logits - vit(photo)).abs().max() < 1e-6
    for one, other in zip(plain.sites, trace.sites, strict=True):
        assert (rows(one.attention) - rows(other.attention)).abs().max() < 1e-6
    assert any(gradient_rows(site.attention).abs().max() > 0 for site in trace.sites)
    assert all(parameter.grad is None for parameter in vit.parameters())


def test_another_class_has_other_gradients(vit: nn.Module) -> None:
    photo = torch.randn(1, 3, 112, 112)
    first, second = (run_for_class(vit, photo, target)[1] for target in (0, 1))
    difference = gradient_rows(first.sites[0].attention) - gradient_rows(second.sites[0].attention)
    assert difference.abs().max() > 0


def test_a_writer_that_draws_random_numbers_keeps_its_words() -> None:
    """It is followed in every pass, since its order may be drawn; a sentence stays one."""

    class Drawing(networks.Captioner):
        def forward(self, photos: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
            random.random()
            return super().forward(photos, words)

    torch.manual_seed(0)
    writers = [kind(words=12).eval() for kind in (networks.Captioner, Drawing)]
    photo, words = torch.randn(1, 3, 112, 112), torch.tensor([[1, 4, 5, 6]])
    told = []
    for writer in writers:
        layouts = tasks.survey(writer, "captioning", photo)
        _, (trace,) = run(writer, photo, layouts, words)
        told.append(
            [
                (layout.query_words, layout.key_words, layout.keys is None)
                for site in trace.sites
                if (layout := site.layout) is not None
            ]
        )
    assert told[0] == told[1]
    assert ("written", "read", True) in told[0]
    assert ("written", None, False) in told[0]
