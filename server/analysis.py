"""What is kept of one photo seen by one network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from models.geometry import Geometry
from models.records import Trace
from models.spec import LoadedModel, ModelSpec
from server.imaging import Photo


@dataclass(frozen=True, slots=True)
class Prediction:
    """One of the most probable classes; score: its probability."""

    index: int
    label: str
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class Analysis:
    """serial: differs from one forward pass to the next, as their floats may; the id does not."""

    id: str
    serial: str
    model: ModelSpec
    revision: str
    photo: Photo
    geometry: Geometry
    trace: Trace
    trace_bytes: int
    predictions: tuple[Prediction, ...]
    warnings: tuple[str, ...]
    timings_ms: Mapping[str, float]


def analysis_id(photo: Photo, loaded: LoadedModel) -> str:
    """The same pixels, network, weights and preprocessing give the same id, on any server."""
    parts = (photo.digest, loaded.spec.id, loaded.revision, repr(loaded.spec.preprocessing))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()
