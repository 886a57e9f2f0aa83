"""The reach, layer by layer, of the bundled ViT and ECA-ResNet, and of the paper's kind of ViT.

The latter is ViT-Ti/16 with ImageNet-21k weights (Steiner et al. 2021, "How to train your ViT?"),
which are the teacher's and not bundled.

`python -m training.claims.shipped_reach` writes docs/claims/shipped_reach.json.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from training.claims.receptive_field import (
    PHOTOS,
    gradient_distances,
    head_figures,
    uniform_distance,
)
from training.claims.results import write_figures
from training.examples.data import data_folder, load_photos
from training.examples.teacher import TEACHER_PX, load_teacher
from training.examples.views import CROP_PX, centre_boxes, normalise, resample
from training.loop.export import load_network
from training.tasks.photos import PREPROCESSING

CHECKPOINTS = Path("models/checkpoints")


def shipped(name: str) -> nn.Module:
    """The network of a checkpoint, without gradients of its own."""
    card = json.loads((CHECKPOINTS / f"{name}.json").read_text(encoding="utf-8"))
    weights = CHECKPOINTS / f"{name}.safetensors"
    network = load_network(weights, card["network"]["name"], card["network"]["arguments"])
    return network.requires_grad_(False)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.shipped_reach")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    options = parser.parse_args()
    photos = load_photos(data_folder(options.data), "caltech101_val")
    mean, std = (torch.tensor(values) for values in (PREPROCESSING.mean, PREPROCESSING.std))
    # Every n-th one, as the set is sorted by class.
    images = photos.images[:: len(photos) // PHOTOS][:PHOTOS]
    inputs = normalise(resample(images, centre_boxes(len(images)), CROP_PX), mean, std)
    vit, resnet = shipped("vit"), shipped("eca_resnet")
    figures = {"photos": float(len(images)), "uniform_attention_px": uniform_distance(vit, inputs)}
    figures |= head_figures("vit_", vit, inputs)
    half = torch.full((3,), 0.5)
    larger = normalise(resample(images, centre_boxes(len(images)), TEACHER_PX), half, half)
    figures |= head_figures("vit_ti_", load_teacher(), larger)
    for number, distance in enumerate(gradient_distances(resnet, inputs), start=1):
        figures[f"resnet_block_{number}_gradient_px"] = distance
    print(write_figures("shipped_reach", figures))


if __name__ == "__main__":
    main()
