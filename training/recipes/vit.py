"""A small hybrid vision transformer on Caltech-101, distilled token by token."""

from training.recipes.recipe import Recipe

RECIPE = Recipe(
    id="vit",
    title="ViT · Caltech-101",
    summary="A small vision transformer: 14 by 14 patches, made by a few convolutions, and a class "
    "token that looks at them.",
    mechanisms=("attention", "positional-encoding"),
    citation="Dosovitskiy et al.: An Image is Worth 16x16 Words: Transformers for Image "
    "Recognition at Scale, ICLR 2021",
    network="vit",
    # Three heads of 32 channels over the second stage of eca_resnet, 8 px a cell.
    arguments={"classes": 101, "dim": 96, "trunk": "eca"},
    # On raw pixels the same photos gave 50.6 % in 26 epochs; the trunk is pretrained.
    starts_from="eca_resnet",
    frozen=("trunk",),
    task="photos",
    epochs=32,
    # A third of the patches take a third of the time: many more photos are seen.
    thinned_epochs=28,
    thinned_to=0.35,
    batch=64,
    learning_rate=1e-3,
    warmup_epochs=2,
    average=0.998,
    distil=1.0,
    class_token=1.0,
    patch_tokens=1.0,
    jitter=0.3,
)
