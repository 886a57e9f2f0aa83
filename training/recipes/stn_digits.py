"""A spatial transformer that finds a digit on a cluttered canvas, then refines its window."""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="stn_digits",
    title="Spatial transformer · cluttered digits",
    summary="Finds a digit among clutter, looks again to set it upright, and reads it from there.",
    mechanisms=("spatial-transformer",),
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS "
    "2015; Lin, Lucey: Inverse Compositional Spatial Transformer Networks, CVPR 2017",
    network="stn",
    arguments={"classes": 10, "looks": 2},
    task="digits",
    epochs=70,
    # Guided at first: from labels alone it hardly learns to rotate the digits.
    guided_epochs=52,
    learning_rate=2.5e-3,
    warmup_epochs=2,
    batch=512,
    weight_decay=0.01,
    average=0.999,
    label_smoothing=0.0,
    low_precision=False,
)
