"""The captioner before it is rewarded: its words, by teacher forcing, over eca_resnet."""

from training.recipe import Recipe

RECIPE = Recipe(
    id="captioner_words",
    title="Captioner, by teacher forcing · Flickr8k",
    summary="A Transformer that says what is on a photo: every word looks at the words before it "
    "and at the 14 by 14 patches.",
    mechanisms=("attention", "positional-encoding"),
    citation="Vaswani et al.: Attention Is All You Need, NeurIPS 2017; Xu et al.: Show, Attend and "
    "Tell: Neural Image Caption Generation with Visual Attention, ICML 2015",
    network="captioner",
    arguments={"words": 2400, "trunk": "eca", "dim": 128, "heads": 4, "depth": 1},
    training_arguments={"dropout": 0.1},
    starts_from="eca_resnet",
    frozen=("trunk",),
    task="caption_maps",
    task_arguments={"views": 3, "captions": 5, "length": 18, "word_dropout": 0.05, "beams": 3},
    epochs=12,
    batch=32,
    learning_rate=1.5e-3,
    warmup_epochs=0.5,
    average=0.99,
    low_precision=False,
    ships=False,
)
