"""A spatial transformer that finds a digit on a cluttered canvas, looks again and turns it."""

from dataclasses import replace

from training.recipes import stn_digits_mended

RECIPE = replace(
    stn_digits_mended.RECIPE,
    id="stn_digits",
    title="Spatial transformer · cluttered digits",
    starts_from="stn_digits_mended",
    # Both looks learn on, by distances: the first one was taught by squares.
    frozen=(),
    epochs=20,
    guided_epochs=18,
    ships=True,
)
