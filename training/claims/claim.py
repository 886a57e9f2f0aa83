"""A claim of the literature: variants of one recipe, trained with several seeds."""

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
    """One claim, and the trainings that test it.

    id: its module's name · sentence: the claim · source: the paper · variants: recipes that differ
    only in the subject of the claim · measure: further figures of a trained network.
    """

    id: str
    sentence: str
    source: str
    variants: Mapping[str, Recipe]
    measure: Measure | None = None
