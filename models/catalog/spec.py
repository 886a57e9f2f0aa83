"""ModelSpec: which network, weights, labels and licence. The server shows it, the catalogue loads
by it.
"""

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
    """A score on photos that had no part in training or in the choice of what ships.

    top1: on 0…1. photos: how many. by: whose measurement it is.
    """

    top1: float
    photos: int
    by: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One row of the catalogue.

    mechanisms: slugs as in docs/mechanisms.md. task: a row of TASKS. source: bundled
    with the project, local (a file in the weights folder) or hub. preprocessing: from photo to
    input; None where the network is given a sentence. labels: names of the classes in order (of a
    network that writes, its vocabulary), None where unknown. sha256: checksum the weights must
    have. network: (name, arguments) for `models/networks`, None for timm's. card: everything
    else that its card says. apart: its score on photos kept apart, where there is one. reason: why
    it cannot be used, None if it can.
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
        """The first 12 digits of the checksum of the weights, where it is known before loading."""
        return None if self.sha256 is None else self.sha256[:12]

    def label(self, index: int) -> str:
        """The name of a class, or its number where it has none."""
        known = self.labels is not None and index < len(self.labels)
        return self.labels[index] if known and self.labels is not None else f"class {index}"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network in eval mode on its device.

    revision: the first 12 digits of the checksum of its weights. layouts: where the tokens of its
    attention sites are, at the input size of its preprocessing.
    """

    spec: ModelSpec
    module: nn.Module
    revision: str
    layouts: Layouts
