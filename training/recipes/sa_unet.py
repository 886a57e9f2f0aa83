"""A U-Net with self-attention that finds the walls of drawn rooms."""

from training.examples.rooms import SIZE_PX
from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="sa_unet",
    title="Self-attention U-Net · walls",
    summary="Marks the walls of a room; its coarser blocks let every place look at every other.",
    mechanisms=("feature-map-attention",),
    citation="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation, MICCAI 2015; Zhang, Goodfellow, Metaxas, Odena: Self-Attention Generative "
    "Adversarial Networks, ICML 2019",
    network="unet",
    arguments={"classes": 2, "attention": True},
    task="rooms",
    task_arguments={"rooms": 5000, "held_out": 500, "size_px": SIZE_PX},
    epochs=36,
    batch=64,
    learning_rate=3e-3,
    warmup_epochs=1.0,
    weight_decay=0.02,
    label_smoothing=0.0,
    jitter=0.3,
    # γ starts at 0 and gates the gradient of the rest of the layer, so it learns faster.
    paced=("gamma",),
    pace=5.0,
)
