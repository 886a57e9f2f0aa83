"""A small vision transformer on Caltech-101, taught token by token."""

from training.recipe import Recipe

RECIPE = Recipe(
    id="vit",
    title="ViT · Caltech-101",
    summary="A small vision transformer: 14 by 14 patches and a class token that looks at them.",
    mechanisms=("attention", "positional-encoding"),
    citation="Dosovitskiy et al.: An Image is Worth 16x16 Words: Transformers for Image "
    "Recognition at Scale, ICLR 2021",
    network="vit",
    arguments={"classes": 101},
    task="photos",
    epochs=26,
    # A third of the patches cost a third of the time: many more photos seen.
    thinned_epochs=24,
    thinned_to=0.35,
    batch=32,
    # At three times this rate most heads came to look at three or four tokens only.
    learning_rate=5e-4,
    warmup_epochs=1.5,
    average=0.998,
    distil=1.0,
    class_token=1.0,
    patch_tokens=1.0,
    jitter=0.3,
)
