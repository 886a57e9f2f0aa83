"""CBAM-ResNet on Caltech-101: channel gate, then spatial gate."""

from training.recipes.residual import BEGUN, residual_recipe

RECIPE = residual_recipe(
    "cbam_resnet",
    gate="cbam",
    **BEGUN,
    # The gates start from random weights, in a network trained without them.
    paced=("gate",),
    pace=3.0,
    title="CBAM-ResNet · Caltech-101",
    summary="A compact ResNet that weighs first its channels, then the places of the photo.",
    mechanisms=("cbam",),
    citation="Woo, Park, Lee, Kweon: CBAM: Convolutional Block Attention Module, ECCV 2018",
)
