"""Before and after a forward pass: builds the input from a request and the Analysis from the
output.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.geometry import Geometry
from fovea.models.methods.base import Pass, Probe
from fovea.models.methods.probes import learn
from fovea.models.methods.registry import METHODS
from fovea.models.preprocessing import prepare
from fovea.models.running import tasks
from fovea.models.tracing.audit import summed
from fovea.server.engine.analysis import Analysis, Prediction
from fovea.server.engine.inference import Outcome
from fovea.server.intake.given import Given, Text
from fovea.server.intake.imaging import Photo

TOP_CLASSES = 5


def to_input(given: Given | None, spec: ModelSpec) -> tuple[Tensor, Geometry | None]:
    """The input, (1, channel, height, width) or (1, word), and where a photo lies on it."""
    if isinstance(given, Text):
        return tasks.ids_of(given.words, spec.labels or ()), None
    assert given is not None
    assert spec.preprocessing is not None
    return prepare(torch.from_numpy(given.pixels).permute(2, 0, 1), spec.preprocessing)


MOST_UNSEEN = 5
"""Maximum number of unrecognised operations named in an analysis' warnings."""


def conclude(
    key: str,
    given: Given,
    loaded: LoadedModel,
    geometry: Geometry | None,
    outcome: Outcome,
    before_ms: Mapping[str, float],
) -> Analysis:
    """The Analysis of a finished forward pass."""
    photo = given if isinstance(given, Photo) else None
    warnings = () if photo is None else photo.warnings
    answer = output(outcome, loaded.spec, () if isinstance(given, Photo) else given.words)
    missed = summed(outcome.trace.unseen)
    warnings += tuple(f"Not shown: {one}." for one in missed[:MOST_UNSEEN])
    if len(missed) > MOST_UNSEEN:
        warnings += (f"Not shown: {len(missed) - MOST_UNSEEN} more of the kind (`fovea doctor`).",)
    return Analysis(
        id=key,
        serial=secrets.token_hex(8),
        model=loaded.spec,
        revision=loaded.revision,
        photo=photo,
        geometry=geometry,
        trace=outcome.trace,
        trace_bytes=outcome.trace.nbytes,
        predictions=predictions(outcome.logits, loaded.spec),
        logits=outcome.logits if loaded.spec.task == "classification" else None,
        warnings=(*warnings, *_about(outcome, loaded.spec, answer)),
        timings_ms={**before_ms, "queue": outcome.queue_ms, "forward": outcome.forward_ms},
        text=None if isinstance(given, Photo) else given,
        output=answer,
    )


def _about(outcome: Outcome, spec: ModelSpec, answer: tasks.Output | None) -> Iterator[str]:
    """Sentences about anything unusual in the answer."""
    if not outcome.trace.sites:
        yield "Nothing in this network attends in a way that is recognised."
    if not bool(torch.isfinite(outcome.logits).all()):
        yield (
            "The network's answer has values that are not finite (NaN or infinite): its weights "
            "may be damaged, or the photo is not what it expects."
        )
    if spec.task == "classification" and outcome.logits.ndim != 1:
        shape = " × ".join(map(str, outcome.logits.shape))
        yield (
            f"There are no predictions: the network answers with {shape} values, and a classifier "
            "gives one a class. Its task may be segmentation, or features."
        )
    if spec.task == "segmentation" and outcome.logits.ndim != 3:
        shape = " × ".join(map(str, outcome.logits.shape))
        yield (
            f"There is no mask: the network answers with {shape} values, and segmentation takes "
            "class × row × column."
        )
    if isinstance(answer, tasks.Sentence):
        if answer.cut:
            yield (
                f"The text was cut at {len(answer.written)} words, the most that are written; it "
                "had not come to its end."
            )
        if answer.repeated is not None:
            yield f"The text says {answer.repeated!r} more than once."


def predictions(logits: Tensor, spec: ModelSpec) -> tuple[Prediction, ...]:
    """The most probable classes, best first; empty unless logits is (class,)."""
    if spec.task != "classification" or logits.ndim != 1:
        return ()
    scores, indices = logits.softmax(-1).topk(min(TOP_CLASSES, logits.shape[0]))
    return tuple(
        Prediction(index, spec.label(index), score)
        for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
    )


def output(outcome: Outcome, spec: ModelSpec, source: tuple[str, ...]) -> tasks.Output | None:
    """The answer of a network that does not classify: a mask or words."""
    if outcome.words is not None:
        return tasks.sentence_of(
            outcome.logits, outcome.words, spec.labels or (), source, outcome.search
        )
    if spec.task == "segmentation" and outcome.logits.ndim == 3:
        return tasks.mask_of(outcome.logits, spec.labels)
    return None


def learn_of(analysis: Analysis, loaded: LoadedModel, inputs: Tensor) -> Mapping[Probe, Any]:
    """The facts about a network that maps need besides a trace, from a few passes over an input."""
    written = analysis.sentence
    given = Pass(
        loaded.module,
        inputs,
        loaded.layouts,
        analysis.trace,
        None if written is None else written.given.to(inputs.device),
        max((prediction.index + 1 for prediction in analysis.predictions), default=None),
    )
    return learn(given, METHODS)
