"""CBAM-ResNet on Caltech-101: both gates side by side."""

from training.recipes.residual import BEGUN, residual_recipe

RECIPE = residual_recipe(
    "cbam_resnet_parallel",
    gate="cbam_parallel",
    **BEGUN,
    # The gates start from random weights, in a network trained without them.
    paced=("gate",),
    pace=3.0,
    title="CBAM-ResNet, parallel gates · Caltech-101",
    summary="A compact ResNet that weighs its channels and the places of the photo side by side.",
    mechanisms=("cbam",),
    citation="Woo, Park, Lee, Kweon: CBAM: Convolutional Block Attention Module, ECCV 2018",
)
