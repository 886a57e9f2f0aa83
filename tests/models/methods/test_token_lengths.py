"""How long tokens have become, against the outputs of the blocks in float64."""

from copy import deepcopy

import pytest
import torch

from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.making.token_lengths import stream_of, token_lengths
from fovea.models.networks import build
from fovea.models.running.inference import run, run_for_stream

PHOTO = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", [0, 2])
def test_lengths_are_those_of_what_the_block_gives(layer: int) -> None:
    torch.manual_seed(1)
    network = build("vit", classes=5, image_size=32, patch_size=8, dim=24, depth=3).eval()
    _, (trace,) = run(network, PHOTO)
    site = trace.sites[layer]
    found = token_lengths(run_for_stream(network, PHOTO, site), trace, site)
    outputs = []
    twin = deepcopy(network).double()
    twin.blocks[layer].register_forward_hook(lambda _, __, out: outputs.append(out[0]))
    twin(PHOTO.double())
    expected = outputs[0].detach().norm(dim=1).float()
    assert found.axes == ("row", "column")
    assert found.prefix is not None
    torch.testing.assert_close(found.values.flatten(), expected[1:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.prefix, expected[:1], rtol=1e-4, atol=1e-5)


def test_of_a_tnt_the_next_words_are_not_counted_in() -> None:
    torch.manual_seed(2)
    network = build("tnt", classes=5, image_size=32, patch_size=16, depth=2).eval()
    _, (trace,) = run(network, PHOTO)
    outer = next(site for site in trace.sites if site.queries == 5)
    additions = run_for_stream(network, PHOTO, outer)
    outputs = []
    network.blocks[0].register_forward_hook(lambda _, __, out: outputs.append(out[1][0]))
    network(PHOTO)
    found = token_lengths(additions, trace, outer)
    expected = outputs[0].detach().norm(dim=1)[1:]
    torch.testing.assert_close(found.values.flatten(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(NotPossible, match=outer.id):
        token_lengths([one for one in additions if one.site is None], trace, outer)


def test_sentences_that_are_as_long_are_told_apart() -> None:
    """Encoder and decoder both have four words: each stream begins with its own positions."""
    torch.manual_seed(3)
    network = build("text_transformer", words=9, dim=16, heads=2, depth=2).eval()
    source, read = torch.tensor([[4, 5, 6, 2]]), torch.tensor([[1, 4, 5, 6]])
    _, (trace,) = run(network, source, words=read)
    for index, site in enumerate(trace.sites):
        own = stream_of(run_for_stream(network, source, site, read), index)
        layer = ["attention", "feed-forward"]
        if site.name.startswith("decoder"):
            layer = ["attention", *layer]
        assert [one.kind for one in own] == ["positions", *layer * 2], site.name
    assert {site.name.split(".")[0] for site in trace.sites} == {"blocks", "decoder"}
