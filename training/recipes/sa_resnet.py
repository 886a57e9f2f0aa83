"""A ResNet with self-attention on its inner feature map, on Caltech-101."""

from training.recipes.residual import BEGUN, residual_recipe

RECIPE = residual_recipe(
    "sa_resnet",
    gate="self_attention",
    **BEGUN,
    training_arguments={"spectral": True},
    # γ starts at 0 and gates the gradient of the rest of the layer, so it learns faster.
    paced=("gamma",),
    pace=5.0,
    title="Self-attention ResNet · Caltech-101",
    summary="A compact residual network whose feature map looks at itself, every place at every "
    "other.",
    mechanisms=("feature-map-attention",),
    citation="Zhang, Goodfellow, Metaxas, Odena: Self-Attention Generative Adversarial Networks, "
    "ICML 2019",
)
