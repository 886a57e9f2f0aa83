"""SE-ResNet on Caltech-101."""

from training.recipes.residual import residual_recipe

RECIPE = residual_recipe(
    "se_resnet",
    gate="se",
    title="SE-ResNet · Caltech-101",
    summary="A compact residual network that weighs its channels by a squeeze of the whole photo.",
    mechanisms=("squeeze-excitation",),
    citation="Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018",
)
