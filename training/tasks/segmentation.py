"""Segmenting walls: drawn rooms, with random crops and colours every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.examples.precision import mixed
from training.examples.rooms import SIZE_PX
from training.examples.rooms.collection import Rooms
from training.examples.views import jitter, normalise, random_boxes, resample
from training.loop.task import Preprocessing, Source
from training.recipes.recipe import Recipe

CLASSES = ("other", "wall")
SMALLEST_AREA = 0.45
"""Minimum fraction of a room in a training crop."""
TINT = 0.12
"""Variation of the colour channels' gains, as from coloured light."""
VAL_BATCH = 250

PREPROCESSING = Preprocessing(
    resize_px=SIZE_PX,
    crop_px=(SIZE_PX, SIZE_PX),
    interpolation="bilinear",
    channels=3,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)


def soft_dice(share: Tensor, truth: Tensor) -> Tensor:
    """The Dice coefficient of probabilities with the ground truth: 2 Σ pt / (Σp + Σt).

    Milletari et al. 2016, with sums in place of their sums of squares. One pixel is added to both
    parts of the fraction, so that an empty answer to an empty truth is rewarded.
    """
    return (2 * (share * truth).sum() + 1) / (share.sum() + truth.sum() + 1)


@dataclass(frozen=True)
class Counts:
    """Pixels of each room, each (room,): correctly called wall, called wall, being wall."""

    both: Tensor
    called: Tensor
    true: Tensor

    def dice(self) -> float:
        """2 |A∩B| / (|A| + |B|) over the pixels of all rooms together."""
        return ratio(2 * self.both.sum(), (self.called + self.true).sum())

    def iou(self) -> float:
        """|A∩B| / |A∪B| over the pixels of all rooms together."""
        return ratio(self.both.sum(), (self.called + self.true - self.both).sum())

    def dice_a_room(self) -> float:
        """The mean of the rooms' own Dice; a room without wall, correctly found empty, counts 1."""
        total = self.called + self.true
        each = torch.where(total > 0, 2 * self.both.double() / total.clamp(min=1), 1.0)
        return each.mean().item()


def ratio(part: Tensor, whole: Tensor) -> float:
    """Their quotient; 1 if both are zero."""
    return (part.double() / whole.double()).item() if whole > 0 else 1.0


def count(called: Tensor, true: Tensor) -> Counts:
    """Both are boolean (room, height, width)."""
    pixels = (1, 2)
    return Counts((called & true).sum(pixels), called.sum(pixels), true.sum(pixels))


@dataclass(frozen=True)
class RoomBatch:
    """inputs: (batch, 3, height, width), normalised · walls: (batch, height, width), int64."""

    inputs: Tensor
    walls: Tensor


class RoomTask:
    """Drawn rooms, held on the device; the held-out rooms use other seeds and are not cropped."""

    kind = "segmentation"
    classes: tuple[str, ...] = CLASSES
    preprocessing: Preprocessing | None = PREPROCESSING

    def __init__(self, train: Rooms, val: Rooms, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.pictures, self.walls = on_device(train, device)
        self.val_pictures, self.val_walls = on_device(val, device)
        self.size_px = self.pictures.shape[-1]
        self.mean, self.std = (
            torch.tensor(values, device=device)
            for values in (PREPROCESSING.mean, PREPROCESSING.std)
        )
        self.source = Source(
            data=f"{len(train):,} rooms drawn by this project (training/examples/rooms), "
            f"{len(val):,} of other seeds to validate; a wall is its own visible surface, without "
            "windows, doors, pictures or furniture",
            licence="Weights and pictures made for this project, under its licence (Apache-2.0)",
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def batches(self, epoch: int) -> Iterator[RoomBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self), generator=generator)
        for chosen in torch.split(order, self.recipe.batch):
            boxes = random_boxes(len(chosen), SMALLEST_AREA, generator)
            # A negative half width mirrors the crop.
            boxes[:, 2] *= torch.randint(2, (len(chosen),), generator=generator) * 2.0 - 1
            tint = 1 + TINT * (2 * torch.rand((len(chosen), 3, 1, 1), generator=generator) - 1)
            boxes, here = boxes.to(self.device), chosen.to(self.device)
            pictures = resample(self.pictures[here], boxes, self.size_px)
            walls = resample(self.walls[here, None], boxes, self.size_px, mode="nearest")
            pictures = jitter(pictures * tint.to(self.device), self.recipe.jitter, generator)
            inputs = normalise(pictures, self.mean, self.std)
            yield RoomBatch(
                inputs=inputs.contiguous(memory_format=torch.channels_last),
                walls=walls[:, 0].long(),
            )

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: RoomBatch) -> Tensor:
        logits = network(batch.inputs).float()
        entropy = F.cross_entropy(logits, batch.walls, label_smoothing=self.recipe.label_smoothing)
        return entropy + 1 - soft_dice(logits.softmax(dim=1)[:, 1], batch.walls.float())

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs (batch, 3, height, width) with walls, boolean (batch, height, width)."""
        for start in range(0, len(self.val_pictures), VAL_BATCH):
            stop = start + VAL_BATCH
            inputs = normalise(self.val_pictures[start:stop].float(), self.mean, self.std)
            yield inputs, self.val_walls[start:stop] > 0

    @torch.inference_mode()
    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        """For the class wall: Dice and IoU over all pixels of the set, and the rooms' mean Dice."""
        network.eval()
        counts = []
        for inputs, walls in self.held_out():
            inputs = inputs.to(memory_format=torch.channels_last)
            with mixed(device, low_precision):
                called = network(inputs).argmax(dim=1) == CLASSES.index("wall")
            counts.append(count(called, walls))
        whole = Counts(*(torch.cat([getattr(part, name) for part in counts])
                         for name in ("both", "called", "true")))  # fmt: skip
        return {
            "val_dice": whole.dice(),
            "val_iou": whole.iou(),
            "val_dice_a_room": whole.dice_a_room(),
        }


def on_device(rooms: Rooms, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pictures, uint8 (room, 3, height, width), and walls, uint8 (room, height, width)."""
    pictures = torch.from_numpy(rooms.pictures).permute(0, 3, 1, 2).contiguous()
    return pictures.to(device), torch.from_numpy(rooms.walls).to(device)
