"""The recipes, one file for each checkpoint: every module of this folder with a `RECIPE`."""

import pkgutil
from difflib import get_close_matches
from importlib import import_module

from training.recipes.recipe import Recipe

_MODULES = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]

RECIPES: dict[str, Recipe] = {
    module.RECIPE.id: module.RECIPE for module in _MODULES if hasattr(module, "RECIPE")
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
