"""python -m training <network> --data DIR: train, export, and score the exported file."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import torch

from training.examples.data import data_folder
from training.loop.export import (
    RUNS,
    export_folder,
    load_network,
    starting_weights,
    write_card,
    write_weights,
)
from training.loop.loop import fit, told
from training.recipes import RECIPES, UnknownRecipe, recipe_for
from training.recipes.recipe import Recipe
from training.tasks.tasks import open_task


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; missing data or weights end it with a message."""
    options = parser().parse_args(arguments)
    try:
        train(recipe_for(options.network), options)
    except (UnknownRecipe, FileNotFoundError) as error:
        sys.exit(f"training: {error}")


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m training`."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        epilog=f"networks: {', '.join(RECIPES)}",
    )
    parser.add_argument("network", help="a checkpoint's id, such as se_resnet")
    parser.add_argument("--data", help="folder of the data sets (FOVEA_DATA_DIR, data)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--epochs", type=int, help="try a shorter schedule; what comes of it stays in runs/"
    )
    return parser


def train(recipe: Recipe, options: argparse.Namespace) -> None:
    """Trains the recipe's network, exports it and prints the score of the exported file.

    Raises FileNotFoundError if data or initial weights are missing.
    """
    torch.set_num_threads(options.threads)
    if options.epochs:
        recipe = replace(
            recipe, id=f"{recipe.id}_{options.epochs}", epochs=options.epochs, ships=False
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    task = open_task(recipe, data_folder(options.data), device)
    result = fit(recipe, task, RUNS / recipe.id, device, starting_weights(recipe))

    shipped = {name: value.cpu() for name, value in result.state.items()}
    weights = write_weights(recipe, shipped, export_folder(recipe))
    network = load_network(weights, recipe.network, dict(recipe.arguments)).to(device)
    scores = task.score(network, device, low_precision=False)
    write_card(recipe, task, weights, scores)
    print(f"{recipe.id}: {told(scores)} from {weights} (epoch {result.epoch + 1})")


if __name__ == "__main__":
    main()
