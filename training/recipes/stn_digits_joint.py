"""The spatial transformer of stn_digits when its two looks have learnt on together, once."""

from dataclasses import replace

from training.recipes import stn_digits_mended

RECIPE = replace(
    stn_digits_mended.RECIPE,
    id="stn_digits_joint",
    title="Spatial transformer, two looks learnt together · cluttered digits",
    starts_from="stn_digits_mended",
    # Both looks learn on, by distances: the first one was taught by squares.
    frozen=(),
    epochs=20,
    guided_epochs=18,
)
