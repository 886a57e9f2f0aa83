"""CBAM-ResNet on Caltech-101: spatial gate, then channel gate."""

from training.recipes.residual import residual_recipe

RECIPE = residual_recipe(
    "cbam_resnet_spatial_first",
    gate="cbam_spatial_first",
    title="CBAM-ResNet, spatial gate first · Caltech-101",
    summary="A compact ResNet that weighs first the places of the photo, then its channels.",
    mechanisms=("cbam",),
    citation="Woo, Park, Lee, Kweon: CBAM: Convolutional Block Attention Module, ECCV 2018",
)
