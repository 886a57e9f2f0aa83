"""Reading distorted digits, drawn anew for every batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import ComposedSpatialTransformer
from fovea.models.networks.stn import LOCALISED
from training.examples.data import Examples
from training.examples.distortions import CANVAS_PX, draw
from training.loop.task import Preprocessing, Source, top1
from training.recipes.recipe import Recipe

VAL_BATCH = 500
GUIDANCE = 10.0
"""Weight of the theta error beside the cross-entropy, while the transformer is guided."""

ALIKE_UPSIDE_DOWN = (0, 1, 8)
"""Digits symmetric under rotation by 180 degrees, for which both directions are correct."""

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
    """Canvases with their labels and, while the transformer is guided, the true windows.

    inputs: (batch, 1, 60, 60) · labels: (batch,) · truth: theta (batch, 2, 3), or None.
    """

    inputs: Tensor
    labels: Tensor
    truth: Tensor | None


def theta_error(theta: Tensor, truth: Tensor, labels: Tensor) -> Tensor:
    """The mean distance (not squared) of thetas from the truth.

    If two rotations are equally likely, the least squares lie between them, in a window of zero
    size; the least distance lies at one of them. theta, truth: (batch, 2, 3) · labels: (batch,).
    """
    upside_down = truth * torch.tensor([-1.0, -1.0, 1.0], device=truth.device)
    straight, turned = ((theta - other).flatten(1).norm(dim=1) for other in (truth, upside_down))
    alike = torch.isin(labels, torch.tensor(ALIKE_UPSIDE_DOWN, device=labels.device))
    return torch.where(alike, torch.minimum(straight, turned), straight).mean()


class DigitTask:
    """Digits on newly drawn canvases; the held-out canvases are drawn once, from a fixed seed.

    task_arguments: distortion, a name in examples.distortions.DISTORTIONS (default "cluttered").
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
        """For each look, a layer that classifies the digit from the features of the look's theta.

        A digit's upright direction depends on its class.
        """
        guided = self.recipe.guided_epochs > 0
        looks = network.transformer.looks if guided else ()  # type: ignore[union-attr]
        return nn.ModuleList(nn.Linear(LOCALISED, len(self.classes)) for _ in looks)  # type: ignore[union-attr]

    def loss(self, network: nn.Module, companions: nn.Module, batch: DigitBatch) -> Tensor:
        smoothing = self.recipe.label_smoothing

        def misread(logits: Tensor) -> Tensor:
            return F.cross_entropy(logits.float(), batch.labels, label_smoothing=smoothing)

        if batch.truth is None:
            return misread(network(batch.inputs))
        glimpses = cast(ComposedSpatialTransformer, network.transformer).glimpses(batch.inputs)
        loss = misread(network.head(network.classifier(glimpses[-1].window)))  # type: ignore[operator]
        for name, glimpse in zip(cast(nn.ModuleList, companions), glimpses, strict=True):
            error = theta_error(glimpse.theta.float(), batch.truth, batch.labels)
            loss = loss + GUIDANCE * error + misread(name(glimpse.features))
        return loss

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The held-out canvases, as inputs, with their labels."""
        return zip(self.inputs.split(VAL_BATCH), self.labels.split(VAL_BATCH), strict=True)

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        return {"val_top1": top1(network, self.held_out(), device, low_precision)}
