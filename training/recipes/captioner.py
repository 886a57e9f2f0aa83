"""A Transformer that captions photos, on Flickr8k, rewarded a second time.

What `captioner_rewarded` writes is right but short. Where single words count more, longer captions
are worth it.
"""

from dataclasses import replace

from training.recipes import captioner_rewarded

RECIPE = replace(
    captioner_rewarded.RECIPE,
    id="captioner",
    title="Captioner · Flickr8k",
    starts_from="captioner_rewarded",
    task_arguments={**captioner_rewarded.RECIPE.task_arguments, "single": 5},
    epochs=1,
    learning_rate=1.2e-4,
    ships=True,
)
