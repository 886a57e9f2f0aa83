"""What the loop asks of a task: batches to learn from, a loss, and a score on held-out examples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

VAL_BATCH = 124


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes an input; written into the card as it stands."""

    resize_px: int
    crop_px: tuple[int, int]
    interpolation: str
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Source:
    """Where a task's examples come from, in words for the card."""

    data: str
    licence: str


class Task(Protocol):
    """One data set with its way of being learnt. A batch is the task's own record."""

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    source: Source

    def __len__(self) -> int:
        """How many examples an epoch has."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The epoch's training batches; the same ones whenever the epoch is run again."""

    def companions(self, network: nn.Module) -> nn.Module:
        """Modules that learn beside the network and are not shipped, such as projections."""

    def loss(self, network: nn.Module, companions: nn.Module, batch: Any) -> Tensor:
        """A scalar."""

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Validation inputs (batch, channel, height, width) and labels (batch,)."""


@torch.inference_mode()
def top1(network: nn.Module, task: Task, device: torch.device, low_precision: bool) -> float:
    """The share of held-out examples whose highest logit is the label's."""
    network.eval()
    right = total = 0
    for inputs, labels in task.held_out():
        inputs = inputs.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=low_precision):
            guesses = network(inputs).argmax(dim=1).cpu()
        right += int((guesses == labels).sum())
        total += len(labels)
    return right / total
