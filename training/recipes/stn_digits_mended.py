"""The spatial transformer of stn_digits while its first look still stays as it was learnt alone."""

from dataclasses import replace

from training.recipes import stn_digits_once

RECIPE = replace(
    stn_digits_once.RECIPE,
    id="stn_digits_mended",
    title="Spatial transformer, a second look learnt · cluttered digits",
    summary="Finds a digit among clutter, looks again to set it upright, and reads it from there.",
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS "
    "2015; Lin, Lucey: Inverse Compositional Spatial Transformer Networks, CVPR 2017",
    arguments={"classes": 10, "looks": 2},
    starts_from="stn_digits_once",
    frozen=("first",),
    epochs=10,
    guided_epochs=8,
    learning_rate=1.5e-3,
    warmup_epochs=0.5,
    batch=128,
)
