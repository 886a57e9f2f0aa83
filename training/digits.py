"""Digits turned, resized and moved on a cluttered canvas, drawn anew for every batch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.mechanisms.spatial_transformer import SpatialTransformer
from training.data import Examples
from training.recipe import Recipe
from training.task import Preprocessing, Source

CANVAS_PX = 60
DIGIT_PX = 28
FRAGMENT_PX = 8
FRAGMENTS = 8
LARGEST_TURN_DEG = 90.0
SCALES = (0.7, 1.2)
VAL_BATCH = 250
GUIDANCE = 20.0
"""How much the error of theta counts beside the cross-entropy, while the transformer is guided."""

PREPROCESSING = Preprocessing(
    resize_px=CANVAS_PX,
    crop_px=(CANVAS_PX, CANVAS_PX),
    interpolation="bicubic",
    channels=1,
    mean=(0.1,),
    std=(0.3,),
)
SOURCE = Source(
    data="MNIST (LeCun, Cortes, Burges): 60,000 digits to train, 5,000 to validate, each turned by "
    "up to 90 degrees either way, scaled 0.7 to 1.2, moved on a 60 px canvas among fragments of "
    "other digits",
    licence="Weights trained for this project on MNIST (CC BY-SA 3.0)",
)


def place(digits: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn, resize and move each digit on an empty canvas.

    digits: float (batch, 1, 28, 28) on 0..1 · returns the canvases, (batch, 1, 60, 60) on 0..1, and
    where the digit is, (batch, 2, 3): the theta of a transformer that shows it upright and whole.
    """
    uniform = torch.rand((4, len(digits)), generator=generator)
    turn = math.radians(LARGEST_TURN_DEG) * (2 * uniform[0] - 1)
    scale = SCALES[0] + (SCALES[1] - SCALES[0]) * uniform[1]
    # How far the middle may move, in canvas half-widths, with the digit's ink still inside.
    room = (CANVAS_PX - DIGIT_PX * scale) / CANVAS_PX
    shift_x, shift_y = room * (2 * uniform[2] - 1), room * (2 * uniform[3] - 1)
    # The inverse map: from a canvas point to the digit's point that is drawn there.
    zoom = CANVAS_PX / (DIGIT_PX * scale)
    cosine, sine = zoom * turn.cos(), zoom * turn.sin()
    theta = torch.stack(
        [
            torch.stack([cosine, sine, -cosine * shift_x - sine * shift_y], dim=1),
            torch.stack([-sine, cosine, sine * shift_x - cosine * shift_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(theta, [len(digits), 1, CANVAS_PX, CANVAS_PX], align_corners=False)
    cosine, sine = turn.cos() / zoom, turn.sin() / zoom
    truth = torch.stack(
        [
            torch.stack([cosine, -sine, shift_x], dim=1),
            torch.stack([sine, cosine, shift_y], dim=1),
        ],
        dim=1,
    )
    return F.grid_sample(digits, grid, align_corners=False), truth


def clutter(digits: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Canvases strewn with FRAGMENTS small squares cut from digits drawn at random.

    digits: float (digit, 1, 28, 28) on 0..1 · returns (count, 1, 60, 60) on 0..1.
    """
    canvas = torch.zeros(count, CANVAS_PX, CANVAS_PX)
    rows = torch.arange(FRAGMENT_PX).view(1, -1, 1)
    columns = torch.arange(FRAGMENT_PX).view(1, 1, -1)
    index = torch.arange(count).view(-1, 1, 1)

    def corner(size_px: int) -> Tensor:
        highest = size_px - FRAGMENT_PX + 1
        return torch.randint(highest, (count, 1, 1), generator=generator)

    for _ in range(FRAGMENTS):
        source = torch.randint(len(digits), (count, 1, 1), generator=generator)
        cut = digits[source, 0, corner(DIGIT_PX) + rows, corner(DIGIT_PX) + columns]
        target = (index, corner(CANVAS_PX) + rows, corner(CANVAS_PX) + columns)
        canvas[target] = torch.maximum(canvas[target], cut)
    return canvas.unsqueeze(1)


def draw(digits: Tensor, others: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cluttered canvases of the given digits: uint8 (batch, 1, 28, 28) to float (…, 60, 60), 0..1.

    others: uint8 (digit, 1, 28, 28), where the clutter is cut from. Returned with where the digits
    are, as by `place`.
    """
    placed, truth = place(digits.float() / 255, generator)
    chosen = torch.randint(len(others), (min(len(others), 512),), generator=generator)
    strewn = clutter(others[chosen].float() / 255, len(digits), generator)
    return torch.maximum(placed, strewn), truth


def normalise(canvases: Tensor) -> Tensor:
    """Canvases on 0..1 as the network's input."""
    return (canvases - PREPROCESSING.mean[0]) / PREPROCESSING.std[0]


@dataclass(frozen=True)
class DigitBatch:
    """Canvases with their labels and, while the transformer is guided, where the digits are.

    inputs: (batch, 1, 60, 60) · labels: (batch,) · truth: theta (batch, 2, 3), or none.
    """

    inputs: Tensor
    labels: Tensor
    truth: Tensor | None


class DigitTask:
    """Digits on fresh canvases; the held-out canvases are drawn once, from a fixed seed."""

    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self, train: Examples, val: Examples, recipe: Recipe, device: torch.device
    ) -> None:
        self.train, self.recipe, self.device = train, recipe, device
        self.classes = train.classes
        self.labels = val.labels
        self.canvases, _ = draw(val.images, val.images, torch.Generator().manual_seed(1))

    def __len__(self) -> int:
        return len(self.train)

    def batches(self, epoch: int) -> Iterator[DigitBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self.train), generator=generator)
        for chosen in torch.split(order, self.recipe.batch):
            canvases, truth = draw(self.train.images[chosen], self.train.images, generator)
            yield DigitBatch(
                inputs=normalise(canvases).to(self.device),
                labels=self.train.labels[chosen].to(self.device),
                truth=truth.to(self.device) if epoch < self.recipe.guided_epochs else None,
            )

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: DigitBatch) -> Tensor:
        smoothing = self.recipe.label_smoothing
        if batch.truth is None:
            logits = network(batch.inputs).float()
            return F.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
        transformer = cast(SpatialTransformer, network.transformer)
        theta = transformer.locate(batch.inputs)
        seen = transformer.sample(batch.inputs, theta)
        logits = network.head(network.classifier(seen)).float()  # type: ignore[operator]
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
        return loss + GUIDANCE * F.mse_loss(theta, batch.truth)

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.labels), VAL_BATCH):
            stop = start + VAL_BATCH
            yield normalise(self.canvases[start:stop]), self.labels[start:stop]
