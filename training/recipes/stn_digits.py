"""A spatial transformer that finds and turns a digit on a cluttered canvas."""

from training.recipe import Recipe

RECIPE = Recipe(
    id="stn_digits",
    title="Spatial transformer · cluttered digits",
    summary="Finds a digit among clutter and reads it from a window of its own choice.",
    mechanisms=("spatial-transformer",),
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS 2015",
    network="stn",
    arguments={"classes": 10, "sampled_px": 28},
    task="digits",
    epochs=8,
    # From the labels alone it hardly moved in 12 epochs; shown where the digits are, then let go.
    guided_epochs=4,
    learning_rate=2e-3,
    batch=128,
    weight_decay=0.01,
    label_smoothing=0.0,
    low_precision=False,
)
