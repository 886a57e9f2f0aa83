"""CBAM-ResNet on Caltech-101: spatial gate, then channel gate."""

from training.recipes.residual import BEGUN, residual_recipe

RECIPE = residual_recipe(
    "cbam_resnet_spatial_first",
    gate="cbam_spatial_first",
    **BEGUN,
    # The gates start from random weights, in a network trained without them.
    paced=("gate",),
    pace=3.0,
    title="CBAM-ResNet, spatial gate first · Caltech-101",
    summary="A compact ResNet that weighs first the places of the photo, then its channels.",
    mechanisms=("cbam",),
    citation="Woo, Park, Lee, Kweon: CBAM: Convolutional Block Attention Module, ECCV 2018",
)
