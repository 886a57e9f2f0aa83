"""Self-attention in a U-Net, fully trained: the bundled network and its control."""

from training.claims.claim import Claim
from training.claims.meaning_rooms import measure
from training.recipes import sa_unet, sa_unet_control

CLAIM = Claim(
    id="rooms_large",
    sentence="Self-attention in a U-Net's blocks raises Dice.",
    source="Ronneberger et al. 2015 with Zhang et al. 2019",
    variants={"with": sa_unet.RECIPE, "without": sa_unet_control.RECIPE},
    measure=measure,
)
