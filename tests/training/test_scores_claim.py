"""Three score functions on sentences: every variant learns, and nothing else differs."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.scores import SCORES
from fovea.models.networks import build
from training.claims import scores
from training.tasks.sentences import SentenceTask

CPU = torch.device("cpu")


def test_nothing_differs_but_the_scores() -> None:
    recipes = [
        replace(recipe, arguments={**recipe.arguments, "scores": "any"})
        for recipe in scores.CLAIM.variants.values()
    ]
    assert list(scores.CLAIM.variants) == list(SCORES)
    assert all(recipe == recipes[0] for recipe in recipes)


@pytest.mark.parametrize("name", list(SCORES))
def test_every_attention_has_these_scores_and_learns_with_them(name: str) -> None:
    recipe = replace(scores.CLAIM.variants[name], batch=16, task_arguments={"sentences": 16})
    torch.manual_seed(0)
    network = build(recipe.network, **recipe.arguments)
    layers = [module for module in network.modules() if isinstance(module, MultiHeadAttention)]
    assert [type(layer.scores) for layer in layers] == [SCORES[name]] * 6
    task = SentenceTask(recipe, CPU)
    batch = next(task.batches(0))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        loss = task.loss(network, nn.Identity(), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert all(p.grad is not None for p in network.parameters()), "a parameter that does nothing"
    assert losses[-1] < 0.8 * losses[0]
    (taken,) = scores.forward_ms(network, task, CPU).values()
    assert taken > 0
