"""A ResNet with coordinate attention, on Caltech-101."""

from training.recipes.residual import BEGUN, residual_recipe

RECIPE = residual_recipe(
    "coord_resnet",
    gate="coordinate",
    **BEGUN,
    # The gates start from random weights, in a network trained without them.
    paced=("gate",),
    pace=3.0,
    title="Coordinate-attention ResNet · Caltech-101",
    summary="A compact ResNet that weighs every channel along the rows and along the columns of "
    "the photo.",
    mechanisms=("coordinate-attention",),
    citation="Hou, Zhou, Feng: Coordinate Attention for Efficient Mobile Network Design, CVPR 2021",
)
