"""The spatial transformer of stn_digits before it looks twice: it finds a digit, roughly turned."""

from training.recipe import Recipe

RECIPE = Recipe(
    id="stn_digits_once",
    title="Spatial transformer, one look · cluttered digits",
    summary="Finds a digit among clutter and reads it from a window of its own choice.",
    mechanisms=("spatial-transformer",),
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS 2015",
    network="stn",
    arguments={"classes": 10, "looks": 1},
    task="digits",
    epochs=80,
    # Shown where the digits are, then let go: from the labels alone it hardly learns to turn them.
    guided_epochs=55,
    learning_rate=2e-3,
    warmup_epochs=2,
    batch=256,
    weight_decay=0.01,
    label_smoothing=0.0,
    low_precision=False,
    ships=False,
)
