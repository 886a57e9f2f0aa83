"""The control experiment of sa_unet: the same U-Net without its attention layers."""

from dataclasses import replace

from training.recipes import sa_unet

RECIPE = replace(
    sa_unet.RECIPE,
    id="sa_unet_control",
    title="U-Net · walls",
    summary="The same U-Net, seeing no further than its convolutions reach.",
    mechanisms=(),
    citation="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation, MICCAI 2015",
    arguments={"classes": 2, "attention": False},
    ships=False,
)
