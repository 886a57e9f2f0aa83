"""The recipes, one file for each checkpoint."""

from difflib import get_close_matches

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


class UnknownRecipe(ValueError):
    """An unknown recipe name; the message suggests close names and lists all."""

    def __init__(self, name: str) -> None:
        close = get_close_matches(name, RECIPES, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        super().__init__(f"there is no recipe {name!r}.{meant} Recipes: {', '.join(RECIPES)}.")


def recipe_for(name: str) -> Recipe:
    """The recipe of a checkpoint; raises UnknownRecipe."""
    if name not in RECIPES:
        raise UnknownRecipe(name)
    return RECIPES[name]
