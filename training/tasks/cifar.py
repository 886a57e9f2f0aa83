"""Classifying the small photos of CIFAR-10 from labels alone: for the claims."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.examples.data import Examples, load_photos
from training.examples.views import normalise
from training.loop.task import Preprocessing, Source, top1
from training.recipes.recipe import Recipe

SIDE_PX = 32
PADDING_PX = 4
VAL_BATCH = 500

PREPROCESSING = Preprocessing(
    resize_px=SIDE_PX,
    crop_px=(SIDE_PX, SIDE_PX),
    interpolation="bicubic",
    channels=3,
    mean=(0.491, 0.482, 0.446),
    std=(0.247, 0.243, 0.261),
)
SOURCE = Source(
    data="CIFAR-10 (Krizhevsky 2009), 32 px photos of ten classes: 25,000 to train, 5,000 of the "
    "test part held out",
    licence="Weights trained for this project on CIFAR-10",
)


@lru_cache(maxsize=2)
def load_cifar(folder: Path, name: str) -> Examples:
    """The photos, uint8 (photo, 3, 32, 32); cached, as a claim trains many times on the
    same ones.
    """
    return load_photos(folder, name, SIDE_PX)


def random_crops(padded: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """SIDE_PX windows at random places of the chosen photos, half of them mirrored.

    padded: (photo, channel, row, column), larger than the windows · chosen: int64 (batch,). Returns
    (batch, channel, SIDE_PX, SIDE_PX) in channels-last memory format.
    """
    places = padded.shape[2] - SIDE_PX + 1
    draws = torch.randint(places, (2, len(chosen), 1), generator=generator)
    mirrored = torch.rand((len(chosen), 1), generator=generator) < 0.5
    along = torch.arange(SIDE_PX)
    rows = (draws[0] + along).to(padded.device, non_blocking=True)
    columns = draws[1] + torch.where(mirrored, along.flip(0), along)
    columns = columns.to(padded.device, non_blocking=True)
    windows = padded[chosen[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return windows.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class CifarBatch:
    """inputs: (batch, 3, 32, 32) · labels: (batch,)."""

    inputs: Tensor
    labels: Tensor


class CifarTask:
    """Photos padded by four black pixels a side, cropped at random and mirrored at random."""

    kind = "classification"
    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self, train: Examples, val: Examples, recipe: Recipe, device: torch.device
    ) -> None:
        self.recipe, self.device, self.classes = recipe, device, train.classes
        self.padded = F.pad(train.images, (PADDING_PX,) * 4).to(device)
        self.labels = train.labels.to(device)
        self.mean = torch.tensor(PREPROCESSING.mean, device=device)
        self.std = torch.tensor(PREPROCESSING.std, device=device)
        self.val_inputs = normalise(val.images.to(device).float(), self.mean, self.std)
        self.val_labels = val.labels.to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, epoch: int) -> Iterator[CifarBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self), generator=generator).to(self.device)
        for chosen in torch.split(order, self.recipe.batch):
            crops = random_crops(self.padded, chosen, generator).float()
            yield CifarBatch(normalise(crops, self.mean, self.std), self.labels[chosen])

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: CifarBatch) -> Tensor:
        logits = network(batch.inputs).float()
        return F.cross_entropy(logits, batch.labels, label_smoothing=self.recipe.label_smoothing)

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The held-out photos, as inputs, with their labels."""
        return zip(self.val_inputs.split(VAL_BATCH), self.val_labels.split(VAL_BATCH), strict=True)

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        return {"val_top1": top1(network, self.held_out(), device, low_precision)}
