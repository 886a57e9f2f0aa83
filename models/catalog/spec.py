"""ModelSpec: network, weights, labels and licence, as shown by the server and used for loading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from fovea.models.places.layout import Layouts
from fovea.models.preprocessing import Preprocessing

Source = Literal["bundled", "local", "hub"]


@dataclass(frozen=True, slots=True)
class MeasuredApart:
    """A score on photos that were used neither for training nor for choosing the model.

    top1: 0…1. photos: their number. by: who measured it.
    """

    top1: float
    photos: int
    by: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One row of the catalogue.

    mechanisms: slugs as in docs/mechanisms.md. task: a key of TASKS. source: bundled, local (a file
    in the weights folder) or hub. preprocessing: photo → input; None if the network reads a
    sentence. labels: class names in order (the vocabulary of a network that writes), None if
    unknown. sha256: required checksum of the weights. network: (name, arguments) for
    `models/networks`, None for timm. card: all other fields of its card. apart: score on held-out
    photos, if any. reason: why it is unusable, or None.
    """

    id: str
    title: str
    summary: str
    mechanisms: tuple[str, ...]
    task: str
    source: Source
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    licence: str | None = None
    citation: str | None = None
    sha256: str | None = None
    repository: str | None = None
    network: tuple[str, Mapping[str, Any]] | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    apart: MeasuredApart | None = None
    reason: str | None = None

    @property
    def revision(self) -> str | None:
        """The first 12 digits of the weights' checksum, if known before loading."""
        return None if self.sha256 is None else self.sha256[:12]

    def label(self, index: int) -> str:
        """The name of a class, or its number if it has none."""
        known = self.labels is not None and index < len(self.labels)
        return self.labels[index] if known and self.labels is not None else f"class {index}"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network in eval mode on its device.

    revision: the first 12 digits of its weights' checksum. layouts: positions of the tokens of its
    attention sites, at the input size of its preprocessing.
    """

    spec: ModelSpec
    module: nn.Module
    revision: str
    layouts: Layouts
