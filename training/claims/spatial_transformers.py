"""Spatial transformers on distorted digits: with and without, by kind of distortion.

The networks are the paper's fully connected FCN and ST-FCN: a network without any notion of
position shows most clearly what a transformer contributes.
"""

from training.claims.claim import Claim
from training.claims.windows import measure
from training.recipes.recipe import Recipe

TABLE = ("rotation", "rotation_scale_translation", "projective", "elastic")
"""The distortions of the paper's table 1."""


def variant(distortion: str, transformer: bool) -> Recipe:
    """Fully connected layers trained from labels alone, without being shown where the digit is."""
    return Recipe(
        id="digit_fcn",
        title="Fully connected · distorted digits",
        summary="Reads a digit with fully connected layers.",
        mechanisms=("spatial-transformer",) if transformer else (),
        citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS "
        "2015",
        network="digit_fcn",
        arguments={"classes": 10, "transformer": transformer},
        task="digits",
        task_arguments={"distortion": distortion},
        epochs=10,
        learning_rate=3e-3,
        batch=256,
        weight_decay=0.01,
        label_smoothing=0.0,
        low_precision=False,
        ships=False,
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
