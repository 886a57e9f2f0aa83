"""What the loop asks of a task: batches to learn from, a loss, and scores on held-out examples."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from training.examples.precision import mixed


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
    """One data set with its way of being learnt. A batch is the task's own record.

    kind: the card's task, such as "classification" · classes: what the outputs stand for ·
    preprocessing: none where the input is no picture.
    """

    kind: str
    classes: tuple[str, ...]
    source: Source

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How a picture becomes an input."""

    def __len__(self) -> int:
        """How many examples an epoch has."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The epoch's training batches; the same ones whenever the epoch is run again."""

    def companions(self, network: nn.Module) -> nn.Module:
        """Modules that learn beside the network and are not shipped, such as projections."""

    def loss(self, network: nn.Module, companions: nn.Module, batch: Any) -> Tensor:
        """A scalar."""

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        """Figures on the held-out examples, by name; the higher the first, the better."""


@torch.inference_mode()
def top1(
    network: nn.Module,
    held_out: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    low_precision: bool = False,
) -> float:
    """The share of held-out examples whose highest logit is the label's.

    held_out: inputs (batch, channel, height, width) with labels (batch,).
    """
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=device)
    total = 0
    for inputs, labels in held_out:
        inputs = inputs.to(device, memory_format=torch.channels_last)
        with mixed(device, low_precision):
            guesses = network(inputs).argmax(dim=1)
        right += (guesses == labels.to(device)).sum()
        total += len(labels)
    return right.item() / total
