"""Whether the bundled transformer's window lies on the digit.

`python -m training.claims.meaning_digits` writes docs/claims/meaning_digits.json.
"""

import argparse
from pathlib import Path
from typing import cast

import torch

from fovea.models.mechanisms.spatial_transformer import ComposedSpatialTransformer
from training.claims.results import write_figures
from training.claims.windows import window_figures
from training.examples.data import data_folder, load_digits
from training.loop.export import load_network
from training.recipes import stn_digits


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.meaning_digits")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    options = parser.parse_args()
    recipe = stn_digits.RECIPE
    weights = Path("models/checkpoints") / f"{recipe.id}.safetensors"
    network = load_network(weights, recipe.network, dict(recipe.arguments))
    digits = load_digits(data_folder(options.data), "mnist_val")
    transformer = cast(ComposedSpatialTransformer, network.transformer)
    print(write_figures("meaning_digits", window_figures(transformer, digits, torch.device("cpu"))))


if __name__ == "__main__":
    main()
