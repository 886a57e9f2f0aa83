"""What a claim of the literature is here: variants of one recipe, trained with several seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from training.loop.task import Task
from training.recipes.recipe import Recipe

SEEDS = (0, 1, 2)

Measure = Callable[[nn.Module, Task, torch.device], dict[str, float]]


@dataclass(frozen=True)
class Claim:
    """One claim, and the trainings that check it.

    id: its module's name · sentence: what is claimed · source: the paper · variants: recipes that
    differ in nothing but what the claim is about · measure: further figures of a trained network.
    """

    id: str
    sentence: str
    source: str
    variants: Mapping[str, Recipe]
    measure: Measure | None = None
