"""No more is computed or kept than is asked for, and the numbers stay the same."""

import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.capture.module_calls import graph_from
from fovea.models.capture.outline import is_outline, outlined
from fovea.models.capture.replay import repeated, replay
from fovea.models.maps import rollout
from fovea.models.methods.making import blockwise, few
from fovea.models.methods.making import for_class as explain
from fovea.models.places.layout import survey
from fovea.models.records import Site
from fovea.models.running.inference import run
from tests.models.maps.conftest import vit

PHOTO = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def _as_of_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few tokens everything is kept; these are few."""
    monkeypatch.setattr(few, "FEW_TOKENS", 0)


@pytest.fixture
def network() -> nn.Module:
    """Four blocks, 24 patches and a class token."""
    return vit(img_size=(32, 48)).requires_grad_(False)


def runs_of(network: nn.Module) -> list[int]:
    """The numbers of the blocks as they are run from now on."""
    seen: list[int] = []
    for number, block in enumerate(network.blocks):
        block.norm1.register_forward_pre_hook(lambda *_, number=number: seen.append(number))
    return seen


def gradients_of(network: nn.Module, wanted: set[str] | None) -> tuple[list[Site], Tensor]:
    """(sites with gradients in the order in which they came, gradient at the photo)"""
    seen: list[Site] = []
    photo = PHOTO.clone().requires_grad_()
    with replay(network, repeated(network), lambda sites: seen.extend(sites)) as outline:
        target = network(photo)[0, 3]
    outline.awaited = wanted
    (gradient,), _ = outline.differentiate_from([target], [torch.ones(())], [photo])
    return seen, gradient


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_backward_pass_ends_with_the_last_site_that_is_awaited(
    network: nn.Module, first: int
) -> None:
    whole, _ = gradients_of(network, None)
    again = runs_of(network)
    found, gradient = gradients_of(network, {f"s{first:02d}", "s03"})
    assert [site.id for site in found] == [f"s{number:02d}" for number in range(3, first - 1, -1)]
    assert again == [0, 1, 2, 3, *range(3, first - 1, -1)], "what is below is not run again"
    assert not gradient.any()
    for site, expected in zip(found, whole, strict=False):
        assert torch.equal(site.attention.output_gradient, expected.attention.output_gradient)


def test_grad_cam_runs_the_last_block_alone_again(network: nn.Module) -> None:
    layouts = survey(network, PHOTO)
    again = runs_of(network)
    explain.attention_grad_cam(network, PHOTO, 3, layouts)
    assert again == [0, 1, 2, 3, 3]


def nbytes(site: Site) -> int:
    return site.attention.query.nbytes + site.attention.key.nbytes


@pytest.mark.parametrize("kept", [0, 1, 3, 4])
def test_an_outline_keeps_the_first_sites_and_the_shapes_of_the_others(
    network: nn.Module, kept: int
) -> None:
    with torch.no_grad(), capture(network) as recording:
        network(PHOTO)
    sites = recording.trace.sites
    budget = sum(nbytes(site) for site in sites[:kept])
    with torch.no_grad(), outlined(network, budget) as seen:
        network(PHOTO)
    assert [is_outline(site.attention) for site in seen.trace.sites] == [
        number >= kept for number in range(4)
    ]
    for site, expected in zip(seen.trace.sites, sites, strict=True):
        assert (site.id, site.name, site.attention.shape) == (
            expected.id,
            expected.name,
            expected.attention.shape,
        )
        assert is_outline(site.attention) or torch.equal(
            site.attention.query, expected.attention.query
        )


@pytest.mark.parametrize("discard", [0.0, 0.9])
@pytest.mark.parametrize("kept", [0, 2, 4])
def test_a_rollout_is_the_same_however_little_it_keeps(
    network: nn.Module, kept: int, discard: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts = survey(network, PHOTO)
    _, (trace,) = run(network, PHOTO, layouts)
    expected = rollout.rollout(trace, discard=discard)
    monkeypatch.setattr(blockwise, "KEEP_BYTES", kept * nbytes(trace.sites[0]))
    again = runs_of(network)
    found = explain.rollout(network, PHOTO, discard=discard, layouts=layouts)
    assert again == [0, 1, 2, 3, *range(3, kept - 1, -1)], "the kept ones are run once"
    assert torch.equal(found.values, expected.values)
    assert found.sentence == expected.sentence


def test_a_graph_begins_at_a_layer_and_what_follows_may_write_over_its_output() -> None:
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
    network = nn.Sequential(
        first, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last
    ).requires_grad_(False)
    held: list[Tensor] = []
    with graph_from(first):
        # Of the output before it is written over, as the grad-cam library has it.
        keep = lambda _, __, output: output.register_hook(held.append) and None  # noqa: E731
        handle = first.register_forward_hook(keep)
        network(PHOTO)[0, 1].backward()
    handle.remove()
    (gradient,) = held
    shape = gradient.shape[2:]
    expected = (first(PHOTO) > 0) * (last.weight[1][None, :, None, None] / shape.numel())
    assert torch.allclose(gradient, expected, atol=1e-7)
    assert not first._forward_hooks
    assert not network(PHOTO).requires_grad


MAPS = {
    "rollout": lambda n, layouts: explain.rollout(n, PHOTO, layouts=layouts),
    "discarded": lambda n, layouts: explain.rollout(n, PHOTO, "max", 0.5, layouts=layouts),
    "relevance": lambda n, layouts: explain.relevance(n, PHOTO, 3, layouts),
    "gradient rollout": lambda n, layouts: explain.gradient_rollout(n, PHOTO, 3, layouts),
    "Grad-CAM": lambda n, layouts: explain.attention_grad_cam(n, PHOTO, 3, layouts),
    "LeGrad": lambda n, layouts: explain.legrad(n, PHOTO, 3, layouts),
    "heads": lambda n, layouts: explain.head_importance(n, PHOTO, [3], layouts),
}


@pytest.mark.parametrize("name", MAPS)
def test_of_few_tokens_every_block_runs_once_and_the_map_is_the_same(
    network: nn.Module, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts = survey(network, PHOTO)
    sparing = MAPS[name](network, layouts)
    monkeypatch.setattr(few, "FEW_TOKENS", 600)
    runs = runs_of(network)
    at_once = MAPS[name](network, layouts)
    assert runs == [0, 1, 2, 3]
    scale = sparing.values.abs().max()
    assert (at_once.values - sparing.values).abs().max() < 1e-4 * scale
    assert at_once.sentence == sparing.sentence
