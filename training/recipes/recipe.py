"""What a recipe is: everything that decides a training, in one frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Recipe:
    """One network's training. Epoch and batch counts are those of the checkpoint that ships.

    id: the checkpoint's name · network, arguments: a row of NETWORKS (models/networks) and what it
    is built with · training_arguments: further arguments while training only · task: a name in
    training.tasks.TASKS · task_arguments: what that task alone asks for ·
    learning_rate: the peak, reached after warmup_epochs and left along a cosine ·
    average: the decay of the exponential moving average of the weights, which is what ships ·
    distil, class_token, patch_tokens: weights of the teacher's terms beside the cross-entropy ·
    views: how many views of each photo the teacher answers, once ·
    guided_epochs: for so many first epochs a spatial transformer is shown where the digits are ·
    thinned_epochs, thinned_to: in the first epochs a ViT is shown a random share of the patches ·
    paced: parts of the network, by name, whose learning rate is pace times the others' ·
    starts_from: a checkpoint of this project whose weights are taken where the networks agree ·
    frozen: parts of the network, by name, that stay as starts_from has them ·
    keeps: the weights of which epoch are exported, the one with the best score or the last ·
    ships: false for a control experiment, whose files stay in runs/.
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
