"""python -m training <network> --data DIR: train, export, and score the exported file."""

import argparse
from pathlib import Path

import torch

from training.data import data_folder, load_digits, load_photos
from training.digits import DigitTask
from training.export import load_network, read_weights, write_card, write_weights
from training.loop import fit
from training.photos import PhotoTask
from training.recipe import Recipe
from training.recipes import recipe_for
from training.task import Task, top1
from training.teacher import prepare_lessons

RUNS = Path("runs")
CHECKPOINTS = Path("models/checkpoints")
CPU = torch.device("cpu")


def open_task(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """The recipe's task with its data in memory."""
    if recipe.task == "digits":
        train, val = (load_digits(folder, f"mnist_{part}") for part in ("train", "val"))
        return DigitTask(train, val, recipe, device)
    train, val = (load_photos(folder, f"caltech101_{part}") for part in ("train", "val"))
    lessons = prepare_lessons(train, val, RUNS / "lessons" / "caltech101.pt", device)
    return PhotoTask(train, val, lessons, recipe, device)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("network", help="a checkpoint's id, such as se_resnet")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = recipe_for(options.network)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = open_task(recipe, data_folder(options.data), device)
    start = None
    if recipe.starts_from:
        start = read_weights(CHECKPOINTS / f"{recipe.starts_from}.safetensors")
    result = fit(recipe, task, RUNS / recipe.id, device, start)

    shipped = {name: value.cpu() for name, value in result.state.items()}
    folder = CHECKPOINTS if recipe.ships else RUNS / recipe.id
    weights = write_weights(recipe, shipped, folder)
    network = load_network(weights, recipe.network, dict(recipe.arguments))
    score = top1(network, task, CPU, low_precision=False)
    write_card(recipe, task, weights, {"val_top1": score})
    print(f"{recipe.id}: val top-1 {score:.4f} from {weights} (epoch {result.epoch + 1})")


if __name__ == "__main__":
    main()
