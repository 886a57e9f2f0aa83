"""ECA-ResNet on Caltech-101."""

from training.recipes.residual import residual_recipe

RECIPE = residual_recipe(
    "eca_resnet",
    gate="eca",
    starts_from="se_resnet",
    epochs=4,
    learning_rate=1.5e-3,
    warmup_epochs=0.2,
    title="ECA-ResNet · Caltech-101",
    summary="A compact residual network that weighs each channel by its few neighbours.",
    mechanisms=("efficient-channel-attention",),
    citation="Wang, Wu, Zhu, Li, Zuo, Hu: ECA-Net: Efficient Channel Attention for Deep "
    "Convolutional Neural Networks, CVPR 2020",
)
