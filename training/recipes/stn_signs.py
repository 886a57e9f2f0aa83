"""Spatial transformers that frame a traffic sign: one on the photo, one inside the network."""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="stn_signs",
    title="Spatial transformers · traffic signs",
    summary="Frames a traffic sign twice: once on the photo, once on its own feature map.",
    mechanisms=("spatial-transformer",),
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS 2015",
    network="sign_stn",
    arguments={"classes": 43},
    task="signs",
    epochs=25,
    learning_rate=3e-3,
    warmup_epochs=3,
    batch=128,
    average=0.998,
    jitter=0.5,
    # At the filters' learning rate, the window drifts off the sign before they recognise it.
    paced=("transformer", "inner_transformer"),
    pace=0.2,
)
