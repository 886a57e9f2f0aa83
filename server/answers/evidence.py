"""Evidence for a map, always reported beside baseline maps that ignore the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fovea.models.closest import did_you_mean
from fovea.models.evidence.fills import FILLS
from fovea.models.judging.measures import TAKEN, EvaluatedMap, mask_of_boxes, told_of
from fovea.models.judging.verdicts import Found
from fovea.models.methods.base import BadOption, Subject
from fovea.server.answers.marking import (
    class_of,
    marking,
    marks_of,
    normalisation,
)
from fovea.server.answers.measures import BY_NAME, MeasureRequest, Scene
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.conclude import to_input
from fovea.server.engine.passes import Passes

MOST_STEPS = 4096


def planned(
    analysis: Analysis, subject: Subject, asked: MeasureRequest
) -> Callable[[Passes], Found]:
    """Plan a measurement. Raises BadOption, UnknownMethod or MapNotPossible for an invalid request,
    before any forward pass runs.
    """
    target = class_of(analysis, subject, asked.target)
    own, given = marking(subject, asked.map, asked.options, asked.target)
    _check(analysis, asked)
    mask = None if asked.mask is None else mask_of(asked.mask, analysis)

    def work(passes: Passes) -> Found:
        loaded = passes.begin(0)
        inputs, _ = to_input(analysis.photo, loaded.spec)
        marks = marks_of(passes, own.name, given)
        assert loaded.spec.preprocessing is not None
        mean, std = normalisation(loaded.spec.preprocessing)

        def score(some: Tensor) -> Tensor:
            return passes.logits(loaded, some).softmax(-1)[:, target]

        weighed = EvaluatedMap(marks.values, marks.grid, inputs[0], mean, std, score)
        scene = Scene(passes, loaded, analysis, subject, asked, own, given, marks, inputs, weighed)
        label = {"index": target, "label": analysis.model.label(target)}
        told = told_of(weighed, asked.measure, own.name, marks.sentence, label)
        return {**told, **BY_NAME[asked.measure](scene, mask)}

    return work


# Validation ---------------------------------------------------------------------------------------


def _check(analysis: Analysis, asked: MeasureRequest) -> None:
    for name in ("fill", "steps", "protocol", "mask"):
        if getattr(asked, name) is not None and asked.measure not in TAKEN[name]:
            taking = " and ".join(TAKEN[name])
            raise BadOption(f"{asked.measure} takes no {name!r}; {taking} do.")
    if asked.measure == "truth" and asked.mask is None:
        raise BadOption(
            "truth needs a mask of the object on the photo.",
            hint='"mask": rows of 0 and 1 as large as the photo, or {"boxes": [[left, top, right, '
            "bottom]]} in its pixels.",
        )
    if asked.fill is not None and asked.fill not in FILLS:
        raise BadOption(
            f"There is no fill {asked.fill[:50]!r}; valid: {', '.join(FILLS)}."
            f"{did_you_mean(asked.fill, FILLS)}",
            valid=FILLS,
        )
    if asked.protocol not in (None, "rise"):
        raise BadOption(f"There is no protocol {asked.protocol[:50]!r}; valid: rise.")
    if asked.protocol == "rise" and (asked.fill is not None or asked.steps is not None):
        raise BadOption("protocol=rise has a fill and steps of its own; leave them out.")
    if asked.steps is not None and not 2 <= asked.steps <= MOST_STEPS:
        limit = 2 if asked.steps < 2 else MOST_STEPS
        raise BadOption(
            f"steps={asked.steps} is out of range; valid: 2, the two ends of a curve, to "
            f"{MOST_STEPS}.",
            limit=limit,
            actual=asked.steps,
        )


def mask_of(given: Any, analysis: Analysis) -> Tensor:
    """The mask as bool (row, column) over the photo. Raises BadOption if its size is wrong or it is
    empty.

    given: rows of 0 and 1, or {"boxes": [[left, top, right, bottom], …]} in pixels of the photo.
    """
    photo, _ = analysis.view
    if isinstance(given, Mapping):
        mask = _boxes(given, photo.height, photo.width)
    else:
        try:
            values = torch.tensor(given, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            raise BadOption("mask is no rows of numbers, all of one length.") from error
        if values.shape != (photo.height, photo.width):
            size = " × ".join(map(str, values.shape))
            raise BadOption(
                f"mask is {size}; the photo has {photo.height} rows and {photo.width} columns."
            )
        mask = values > 0
    if not bool(mask.any()):
        raise BadOption("mask is empty: there is nothing to point at.")
    return mask


def _boxes(given: Mapping[str, Any], height: int, width: int) -> Tensor:
    boxes = given.get("boxes")
    wanted = 'mask is rows of 0 and 1, or {"boxes": [[left, top, right, bottom]]}.'
    if set(given) != {"boxes"} or not isinstance(boxes, Sequence) or not all(map(_four, boxes)):
        raise BadOption(wanted)
    try:
        return mask_of_boxes(boxes, height, width)
    except ValueError as error:
        raise BadOption(str(error)) from error


def _four(box: Any) -> bool:
    """Whether the value is a list of four numbers."""
    return (
        isinstance(box, Sequence)
        and len(box) == 4
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in box)
    )
