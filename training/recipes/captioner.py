"""A Transformer that captions photos: it learns to see from a teacher, then to write from
people.
"""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="captioner",
    title="Captioner · Flickr8k",
    summary="A Transformer that says what is on a photo: every word looks at the words before it "
    "and at the 14 by 14 patches.",
    mechanisms=("attention", "positional-encoding"),
    citation="Vaswani et al.: Attention Is All You Need, NeurIPS 2017; Xu et al.: Show, Attend and "
    "Tell: Neural Image Caption Generation with Visual Attention, ICML 2015",
    network="captioner",
    arguments={"words": 2400, "dim": 168},
    training_arguments={"dropout": 0.2},
    task="captions",
    task_arguments={"seeing": 0.5, "beside": 0.5, "word_dropout": 0.1, "beams": 3},
    epochs=100,
    batch=256,
    learning_rate=1.2e-3,
    warmup_epochs=4.0,
    # An epoch has only 26 steps.
    average=0.99,
    class_token=1.0,
    patch_tokens=1.0,
    jitter=0.3,
    # Beam search peaks 25 epochs earlier; greedy decoding is still improving.
    keeps="last",
)
