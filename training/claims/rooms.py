"""Self-attention in a U-Net: walls of drawn rooms with and without it."""

from dataclasses import replace

from training.claims.claim import Claim
from training.claims.meaning_rooms import measure
from training.examples.rooms import SIZE_PX
from training.recipes import sa_unet
from training.recipes.recipe import Recipe


def variant(attention: bool) -> Recipe:
    """The bundled network's recipe on fewer, half-sized rooms, so that any machine can train it."""
    return replace(
        sa_unet.RECIPE,
        arguments={"classes": 2, "attention": attention},
        task_arguments={"rooms": 1000, "held_out": 500, "size_px": SIZE_PX // 2},
        epochs=8,
        batch=16,
    )


CLAIM = Claim(
    id="rooms",
    sentence="Self-attention in a U-Net's blocks raises Dice.",
    source="Ronneberger et al. 2015 with Zhang et al. 2019",
    variants={"with": variant(attention=True), "without": variant(attention=False)},
    measure=measure,
)
