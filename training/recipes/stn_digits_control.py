"""The control experiment of stn_digits: the same classifier without a spatial transformer."""

from dataclasses import replace

from training.recipes import stn_digits

RECIPE = replace(
    stn_digits.RECIPE,
    id="stn_digits_control",
    title="Without a spatial transformer · cluttered digits",
    summary="The same classifier, looking at the whole canvas.",
    mechanisms=(),
    citation="Jaderberg, Simonyan, Zisserman, Kavukcuoglu: Spatial Transformer Networks, NIPS 2015",
    guided_epochs=0,
    arguments={"classes": 10, "looks": 0},
    ships=False,
)
