"""The interface of a task: training batches, a loss, and scores on held-out examples."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from training.examples.precision import mixed


@dataclass(frozen=True)
class Preprocessing:
    """Preprocessing of a picture, written into the card as it is."""

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
    """A data set with its training procedure. Batches are the task's own records.

    kind: the card's task, such as "classification" · classes: of the outputs · preprocessing: None
    if the input is not a picture.
    """

    kind: str
    classes: tuple[str, ...]
    source: Source

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How a picture becomes an input."""

    def __len__(self) -> int:
        """The number of examples in an epoch."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The epoch's training batches; repeatable."""

    def companions(self, network: nn.Module) -> nn.Module:
        """Auxiliary modules trained with the network but not exported, such as projections."""

    def loss(self, network: nn.Module, companions: nn.Module, batch: Any) -> Tensor:
        """A scalar."""

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        """Figures on the held-out examples, by name; of the first one, higher is better."""


@torch.inference_mode()
def top1(
    network: nn.Module,
    held_out: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    low_precision: bool = False,
) -> float:
    """The fraction of held-out examples whose highest logit is the label's.

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
