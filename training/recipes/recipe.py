"""A recipe: everything that determines a training, in one frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Recipe:
    """One network's training. Epoch and batch counts are those of the exported checkpoint.

    id: the checkpoint's name · network, arguments: a row of NETWORKS (models/networks) and its
    arguments · training_arguments: further arguments during training only · task: a name in
    training.tasks.TASKS · task_arguments: specific to that task · learning_rate: the peak, reached
    after warmup_epochs, followed by a cosine decay · average: decay of the exponential moving
    average of the weights, which is exported · distil, class_token, patch_tokens: weights of the
    teacher's loss terms beside the cross-entropy · views: number of views of each photo with
    teacher outputs · guided_epochs: initial epochs in which a spatial transformer is shown where
    the digits are · thinned_epochs, thinned_to: initial epochs in which a ViT gets a random
    fraction of the patches · paced: parts of the network, by name, whose learning rate is pace
    times the others' · starts_from: a checkpoint of this project that provides initial weights
    where the networks match · frozen: parts of the network, by name, that keep the weights of
    starts_from · keeps: the exported epoch, best or last · ships: False for a control experiment,
    whose files stay in runs/.
    """

    id: str
    title: str
    summary: str
    mechanisms: tuple[str, ...]
    citation: str
    network: str
    arguments: Mapping[str, Any]
    task: str
    epochs: int
    learning_rate: float
    training_arguments: Mapping[str, Any] = field(default_factory=dict)
    task_arguments: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 64
    warmup_epochs: float = 1.0
    weight_decay: float = 0.05
    average: float = 0.998
    label_smoothing: float = 0.1
    views: int = 5
    distil: float = 0.0
    class_token: float = 0.0
    patch_tokens: float = 0.0
    jitter: float = 0.0
    guided_epochs: int = 0
    thinned_epochs: int = 0
    thinned_to: float = 1.0
    paced: tuple[str, ...] = ()
    pace: float = 1.0
    low_precision: bool = True
    starts_from: str | None = None
    frozen: tuple[str, ...] = ()
    keeps: Literal["best", "last"] = "best"
    seed: int = 0
    ships: bool = True
