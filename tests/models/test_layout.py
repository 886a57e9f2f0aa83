"""Tokens return to the places they came from, or to none."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from models.layout import infer_grid, place
from models.records import Attention, Gate, PatchGrid, Site, Trace


@pytest.mark.parametrize(
    ("tokens", "size", "expected"),
    [
        (197, (224, 224), (PatchGrid(14, 14), 1)),
        (198, (224, 224), (PatchGrid(14, 14), 2)),
        (196, (224, 224), (PatchGrid(14, 14), 0)),
        (50, (224, 224), (PatchGrid(7, 7), 1)),
        (1370, (518, 518), (PatchGrid(37, 37), 1)),
        (1374, (518, 518), (PatchGrid(37, 37), 5)),
        (301, (240, 320), (PatchGrid(15, 20), 1)),
        (200, (224, 224), None),
        (77, (224, 224), None),  # a sentence, say
    ],
)
def test_infer_grid(tokens: int, size: tuple[int, int], expected: object) -> None:
    assert infer_grid(tokens, size) == expected


def site(batch: int, queries: int, keys: int) -> Site:
    tensors = Attention(probabilities=torch.full((batch, 2, queries, keys), 1 / keys))
    return Site("s00", "attention", 0, "attn", tensors)


def placed(one: Site, module: nn.Module | None = None, photos: int = 1) -> Site:
    return place(Trace((one,)), module or nn.Identity(), (224, 224), photos).sites[0]


def test_what_the_network_declares_comes_first() -> None:
    module = nn.Identity()
    module.num_prefix_tokens, module.patch_embed = 5, nn.Identity()
    module.patch_embed.grid_size = (8, 24)
    got = placed(site(1, 197, 197), module)
    assert (got.grid, got.prefix_tokens) == (PatchGrid(8, 24), 5)


@pytest.mark.parametrize(
    ("one", "photos", "words"),
    [
        (site(64, 49, 49), 1, "64 windows"),
        (site(128, 49, 49), 2, "64 windows"),
        (site(1, 10, 77), 1, "10 queries look at 77 keys"),
        (site(1, 77, 77), 1, "77 tokens match no patch grid on 224×224 px"),
    ],
)
def test_unknown_places_are_said_not_guessed(one: Site, photos: int, words: str) -> None:
    got = placed(one, photos=photos)
    assert got.grid is None
    assert words in got.note


def test_class_attention_has_the_places_of_its_keys() -> None:
    assert placed(site(1, 1, 197)).grid == PatchGrid(14, 14)


def test_gates_lie_on_the_grid_of_their_feature_map() -> None:
    spatial = Site("s00", "spatial-gate", 0, "cbam", Gate(torch.rand(1, 1, 7, 9)))
    assert placed(spatial).grid == PatchGrid(7, 9)
    channel = replace(spatial, kind="channel-gate", tensors=Gate(torch.rand(1, 6, 1, 1)))
    assert placed(channel).grid is None
    with_features = Gate(torch.rand(1, 6, 1, 1), torch.rand(1, 6, 5, 4))
    assert placed(replace(channel, tensors=with_features)).grid == PatchGrid(5, 4)
