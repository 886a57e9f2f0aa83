"""The recipes, one file a checkpoint."""

from training.recipes import (
    captioner,
    cbam_resnet,
    cbam_resnet_parallel,
    cbam_resnet_spatial_first,
    coord_resnet,
    eca_resnet,
    sa_resnet,
    sa_unet,
    sa_unet_control,
    se_resnet,
    stn_digits,
    stn_digits_control,
    stn_signs,
    text_transformer,
    tnt,
    vit,
)
from training.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    module.RECIPE.id: module.RECIPE
    for module in (
        se_resnet,
        vit,
        tnt,
        stn_digits,
        stn_digits_control,
        stn_signs,
        cbam_resnet,
        sa_resnet,
        eca_resnet,
        cbam_resnet_spatial_first,
        cbam_resnet_parallel,
        coord_resnet,
        sa_unet,
        sa_unet_control,
        captioner,
        text_transformer,
    )
}


def recipe_for(name: str) -> Recipe:
    """The recipe of the checkpoint called name; ValueError lists the valid names."""
    if name not in RECIPES:
        raise ValueError(f"unknown network {name!r}; valid: {', '.join(RECIPES)}")
    return RECIPES[name]
