"""Converts an analysis into the input that maps take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovea.models.methods.base import Probe, Subject
from fovea.models.running.tasks import Mask
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine

NOTHING: Mapping[Probe, Any] = {}


def subject_of(analysis: Analysis, learned: Mapping[Probe, Any] = NOTHING) -> Subject:
    """The input that maps take. learned: facts about the network, for maps that need them."""
    spec, output = analysis.model, analysis.output
    wanted = spec.preprocessing
    return Subject(
        trace=analysis.trace,
        name=spec.id,
        reads_photo=analysis.photo is not None,
        labels=spec.labels,
        predicted=analysis.predictions[0].index if analysis.predictions else None,
        sentence=analysis.sentence,
        mask=output if isinstance(output, Mask) else None,
        normalisation=None if wanted is None else (wanted.mean, wanted.std),
        learned=learned,
    )


async def learned_of(engine: Engine, analysis: Analysis) -> Subject:
    """The same, with the facts about the network collected first (a few passes, once a network)."""
    return subject_of(analysis, await engine.learned(analysis))
