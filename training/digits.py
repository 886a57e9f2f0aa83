"""Learning to read distorted digits, drawn anew for every batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.mechanisms.spatial_transformer import SpatialTransformer
from training.data import Examples
from training.distortions import CANVAS_PX, draw
from training.recipe import Recipe
from training.task import Preprocessing, Source, top1

VAL_BATCH = 500
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
    """Digits on fresh canvases; the held-out canvases are drawn once, from a fixed seed.

    task_arguments: distortion, a name in training.distortions.DISTORTIONS ("cluttered" if none).
    """

    kind = "classification"
    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self, train: Examples, val: Examples, recipe: Recipe, device: torch.device
    ) -> None:
        self.train, self.recipe, self.device = train.to(device), recipe, device
        self.distortion = recipe.task_arguments.get("distortion", "cluttered")
        self.classes = train.classes
        self.val = val.to(device)
        generator = torch.Generator().manual_seed(1)
        canvases, _ = draw(self.val.images, self.val.images, generator, self.distortion)
        self.inputs, self.labels = normalise(canvases), self.val.labels

    def __len__(self) -> int:
        return len(self.train)

    def batches(self, epoch: int) -> Iterator[DigitBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self.train), generator=generator).to(self.device)
        images, guided = self.train.images, epoch < self.recipe.guided_epochs
        for chosen in torch.split(order, self.recipe.batch):
            canvases, truth = draw(images[chosen], images, generator, self.distortion)
            yield DigitBatch(
                normalise(canvases), self.train.labels[chosen], truth if guided else None
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
        return loss + GUIDANCE * F.mse_loss(theta.float(), batch.truth)

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The held-out canvases, as inputs, with their labels."""
        return zip(self.inputs.split(VAL_BATCH), self.labels.split(VAL_BATCH), strict=True)

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        return {"val_top1": top1(network, self.held_out(), device, low_precision)}
