"""ECA-ResNet on Caltech-101."""

from training.recipes.residual import residual_recipe

RECIPE = residual_recipe(
    "eca_resnet",
    gate="eca",
    title="ECA-ResNet · Caltech-101",
    summary="A compact residual network that weighs each channel by its few neighbours.",
    mechanisms=("efficient-channel-attention",),
    citation="Wang, Wu, Zhu, Li, Zuo, Hu: ECA-Net: Efficient Channel Attention for Deep "
    "Convolutional Neural Networks, CVPR 2020",
)
