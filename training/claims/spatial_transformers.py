"""Spatial transformers on distorted digits: with and without, by kind of distortion."""

from dataclasses import replace

from training.claims.claim import Claim
from training.claims.windows import measure
from training.distortions import DISTORTIONS
from training.recipe import Recipe
from training.recipes import stn_digits


def variant(distortion: str, transformer: bool) -> Recipe:
    """The shipped network's recipe, shortened, from the labels alone, on one kind of distortion."""
    arguments = dict(stn_digits.RECIPE.arguments)
    if not transformer:
        arguments["transformer"] = False
    return replace(
        stn_digits.RECIPE,
        arguments=arguments,
        task_arguments={"distortion": distortion},
        epochs=8,
        guided_epochs=0,
        learning_rate=3e-3,
        batch=512,
        # Windows that move as fast as the filters learn run away from the digits.
        paced=("transformer",),
        pace=0.1,
    )


CLAIM = Claim(
    id="spatial_transformers",
    sentence="A spatial transformer lowers the error on distorted digits, whatever the distortion.",
    source="Jaderberg et al. 2015, table 1",
    variants={
        f"{distortion}{'' if transformer else '_without'}": variant(distortion, transformer)
        for distortion in DISTORTIONS
        for transformer in (True, False)
    },
    measure=measure,
)
