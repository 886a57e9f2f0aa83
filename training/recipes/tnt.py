"""A small transformer in transformer on Caltech-101."""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="tnt",
    title="TNT · Caltech-101",
    summary="A transformer in a transformer: the words inside every patch look at each other, then "
    "the patches do.",
    mechanisms=("attention", "positional-encoding", "transformer-in-transformer"),
    citation="Han, Xiao, Wu, Guo, Xu, Wang: Transformer in Transformer, NeurIPS 2021",
    network="tnt",
    # As in the paper: patches of 16 px, each a sentence of 4 x 4 words. At this width it computes
    # about as much as the ViT (256 and 270 million multiply-adds, of which 94 in the trunk).
    arguments={
        "classes": 101,
        "patch_size": 16,
        "word_dim": 24,
        "dim": 168,
        "heads": 3,
        "trunk": "eca",
    },
    starts_from="eca_resnet",
    frozen=("trunk",),
    task="photos",
    task_arguments={"patches_a_side": 7},
    epochs=28,
    # Half of the patches take half of the time: more photos are seen.
    thinned_epochs=24,
    thinned_to=0.5,
    batch=64,
    learning_rate=1e-3,
    warmup_epochs=2,
    average=0.998,
    distil=1.0,
    class_token=1.0,
    patch_tokens=1.0,
    jitter=0.3,
)
