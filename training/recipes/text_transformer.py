"""A Transformer that translates the sentences of a small grammar."""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="text_transformer",
    title="Transformer · English to French",
    summary="A small Transformer that translates sentences: which words it looks at, and when.",
    mechanisms=("attention", "positional-encoding"),
    citation="Vaswani et al.: Attention Is All You Need, NeurIPS 2017",
    network="text_transformer",
    arguments={"words": 207},
    task="sentences",
    task_arguments={"sentences": 25_600},
    epochs=5,
    batch=128,
    learning_rate=3e-3,
    warmup_epochs=1.0,
    average=0.99,
    label_smoothing=0.05,
    # So small a network gains nothing from half precision.
    low_precision=False,
)
