"""What is kept of one photo or sentence analysed by one network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.edits import Edit
from fovea.models.geometry import Geometry
from fovea.models.records import Trace
from fovea.models.running.tasks import GREEDY, Mask, Output, Search, Sentence, task_of
from fovea.server.intake.given import Given, Text
from fovea.server.intake.imaging import Photo
from fovea.server.problems import MapNotPossible, NotFound


@dataclass(frozen=True, slots=True)
class Prediction:
    """One of the most probable classes; score: its probability."""

    index: int
    label: str
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class Analysis:
    """One analysis.

    serial: changes with every forward pass, as its floats may differ; the id does not. photo,
    geometry: None if the network read a sentence, which is then in `text`. output: the network's
    answer if it is not `predictions`. logits: (class,), for classifiers. of, edits: the analysis
    that was edited and the edits; None and empty if there were none.
    """

    id: str
    serial: str
    model: ModelSpec
    revision: str
    photo: Photo | None
    geometry: Geometry | None
    trace: Trace
    trace_bytes: int
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...]
    timings_ms: Mapping[str, float]
    text: Text | None = None
    output: Output | None = None
    logits: Tensor | None = None
    of: str | None = None
    edits: tuple[Edit, ...] = ()

    @property
    def view(self) -> tuple[Photo, Geometry]:
        """The photo and its place on the input; raises NotFound if there is none."""
        if self.photo is None or self.geometry is None:
            raise NotFound(
                f"{self.model.id} read a sentence, so there is no photo.",
                hint="Ask for the matrices: attention?query=all.",
            )
        return self.photo, self.geometry

    @property
    def mask(self) -> Mask:
        """Raises MapNotPossible if the network does not segment."""
        if not isinstance(self.output, Mask):
            raise MapNotPossible(
                f"{self.model.id} does not answer with a mask.",
                hint="Models of the task segmentation do; GET /v1/models says which.",
            )
        return self.output

    @property
    def sentence(self) -> Sentence | None:
        """The sentence that the network wrote, if it writes."""
        return self.output if isinstance(self.output, Sentence) else None


def analysis_id(given: Given, loaded: LoadedModel, key: bytes, search: Search = GREEDY) -> str:
    """The id of an analysis, up to 64 bytes. The same pixels or words, network, weights and
    preprocessing give the same id on all servers with the same key; without the key the id reveals
    nothing about the photo.

    search: decoding options of a network that writes.
    """
    spec = loaded.spec
    parts = [given.digest, spec.id, loaded.revision, repr(spec.preprocessing)]
    if search != GREEDY and task_of(spec.task).writes:
        parts.append(repr(search))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=10, key=key).hexdigest()
