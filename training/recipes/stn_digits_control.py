"""The control experiment of stn_digits_once: the classifier without a spatial transformer."""

from dataclasses import replace

from training.recipes import stn_digits_once

RECIPE = replace(
    stn_digits_once.RECIPE,
    id="stn_digits_control",
    title="Without a spatial transformer · cluttered digits",
    summary="The same classifier, looking at the whole canvas.",
    mechanisms=(),
    guided_epochs=0,
    arguments={"classes": 10, "looks": 0},
    ships=False,
)
