"""A small transformer in transformer on Caltech-101: as much compute and teaching as the ViT."""

from training.recipe import Recipe

RECIPE = Recipe(
    id="tnt",
    title="TNT · Caltech-101",
    summary="A transformer in a transformer: the words inside every patch look at each other, then "
    "the patches do.",
    mechanisms=("attention", "positional-encoding", "transformer-in-transformer"),
    citation="Han, Xiao, Wu, Guo, Xu, Wang: Transformer in Transformer, NeurIPS 2021",
    network="tnt",
    # 364 million multiply-adds a photo; the ViT of width 144 has 367.
    arguments={"classes": 101},
    training_arguments={"drop_path": 0.05},
    task="photos",
    epochs=400,
    # Fewer patches are cheaper, and other ones every time: many more photos seen.
    thinned_epochs=320,
    thinned_to=0.5,
    batch=256,
    learning_rate=1e-3,
    warmup_epochs=10,
    average=0.998,
    distil=1.0,
    class_token=1.0,
    patch_tokens=1.0,
    jitter=0.3,
)
