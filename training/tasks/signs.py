"""Classifying traffic signs from small photos."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.examples.data import Examples, load_photos
from training.examples.views import jitter, normalise
from training.loop.task import Preprocessing, Source, top1
from training.recipes.recipe import Recipe

SIDE_PX = 32
VAL_BATCH = 500

TURN_DEG = 15.0
STRETCH = 0.2
MOVE = 0.12
"""Maximum rotation, stretch (per axis) and shift (in half-widths) of a sign."""

PREPROCESSING = Preprocessing(
    resize_px=SIDE_PX,
    crop_px=(SIDE_PX, SIDE_PX),
    interpolation="bicubic",
    channels=3,
    mean=(0.34, 0.31, 0.32),
    std=(0.28, 0.27, 0.28),
)
SOURCE = Source(
    data="GTSRB (Stallkamp, Schlipsing, Salmen, Igel 2011), German traffic signs: 13,069 photos to "
    "train, 6,315 of other signs to validate, 32 px",
    licence="Weights trained for this project on GTSRB, a public research set",
)

SPEEDS = (20, 30, 50, 60, 70, 80)
CLASSES = (
    *(f"speed limit {speed}" for speed in SPEEDS),
    "end of speed limit 80",
    "speed limit 100",
    "speed limit 120",
    "no overtaking",
    "no overtaking by lorries",
    "right of way at the next crossing",
    "priority road",
    "give way",
    "stop",
    "no vehicles",
    "no lorries",
    "no entry",
    "danger",
    "bend to the left",
    "bend to the right",
    "double bend",
    "uneven road",
    "slippery road",
    "road narrows on the right",
    "road works",
    "traffic lights",
    "pedestrians",
    "children",
    "bicycles",
    "ice or snow",
    "wild animals",
    "end of all limits",
    "turn right ahead",
    "turn left ahead",
    "straight on only",
    "straight on or right",
    "straight on or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no overtaking",
    "end of no overtaking by lorries",
)


def load_signs(folder: Path, name: str) -> Examples:
    """Photos of signs, uint8 (sign, 3, 32, 32), with readable names for the set's 43 numbers."""
    return load_photos(folder, name, SIDE_PX, CLASSES)


def random_affine(count: int, generator: torch.Generator) -> Tensor:
    """Small rotations, stretches and shifts: theta (count, 2, 3), for `affine_grid`."""
    uniform = 2 * torch.rand((5, count), generator=generator) - 1
    turn = math.radians(TURN_DEG) * uniform[0]
    wide, high = (1 + STRETCH * uniform[1:3]).unbind(0)
    across, down = (MOVE * uniform[3:5]).unbind(0)
    top = torch.stack([wide * turn.cos(), -high * turn.sin(), across], dim=1)
    bottom = torch.stack([wide * turn.sin(), high * turn.cos(), down], dim=1)
    return torch.stack([top, bottom], dim=1)


@dataclass(frozen=True)
class SignBatch:
    """inputs: (batch, 3, 32, 32) · labels: (batch,)."""

    inputs: Tensor
    labels: Tensor


class SignTask:
    """Signs rotated, stretched, shifted and recoloured at random, never mirrored."""

    kind = "classification"
    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self, train: Examples, val: Examples, recipe: Recipe, device: torch.device
    ) -> None:
        self.train, self.val = train.to(device), val.to(device)
        self.recipe, self.device = recipe, device
        self.classes = train.classes
        self.mean = torch.tensor(PREPROCESSING.mean, device=device)
        self.std = torch.tensor(PREPROCESSING.std, device=device)

    def __len__(self) -> int:
        return len(self.train)

    def batches(self, epoch: int) -> Iterator[SignBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        for chosen in torch.split(order, self.recipe.batch):
            theta = random_affine(len(chosen), generator).to(self.device)
            shape = [len(chosen), 3, SIDE_PX, SIDE_PX]
            grid = F.affine_grid(theta, shape, align_corners=False)
            images = self.train.images[chosen].float()
            moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
            coloured = jitter(moved, self.recipe.jitter, generator)
            inputs = normalise(coloured, self.mean, self.std)
            yield SignBatch(inputs, self.train.labels[chosen])

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: SignBatch) -> Tensor:
        logits = network(batch.inputs).float()
        return F.cross_entropy(logits, batch.labels, label_smoothing=self.recipe.label_smoothing)

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The validation photos, as inputs, with their labels."""
        for images, labels in zip(
            self.val.images.split(VAL_BATCH), self.val.labels.split(VAL_BATCH), strict=True
        ):
            yield normalise(images.float(), self.mean, self.std), labels

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        return {"val_top1": top1(network, self.held_out(), device, low_precision)}
