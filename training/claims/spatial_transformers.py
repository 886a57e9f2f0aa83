"""Spatial transformers on distorted digits: with and without, by kind of distortion."""

from dataclasses import replace

from training.claims.claim import Claim
from training.claims.windows import measure
from training.recipe import Recipe
from training.recipes import stn_digits_once

TABLE = ("rotation", "rotation_scale_translation", "projective", "elastic")
"""The distortions of the paper's table 1."""


def variant(distortion: str, transformer: bool) -> Recipe:
    """The first look of the shipped network, on a shorter schedule, from the labels alone."""
    return replace(
        stn_digits_once.RECIPE,
        arguments={"classes": 10, "looks": int(transformer)},
        task_arguments={"distortion": distortion},
        epochs=12,
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
        for distortion in TABLE
        for transformer in (True, False)
    },
    measure=measure,
)
