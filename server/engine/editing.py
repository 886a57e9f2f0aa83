"""Edited passes of an analysed photo: the input, the id, and the context they run in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.editing.hide import hide_cells
from fovea.models.editing.plan import checked
from fovea.models.editing.run import Edited, edited
from fovea.models.edits import Edit, RefusedEdit, to_json
from fovea.models.networks.decoder import START
from fovea.models.running.inference import run
from fovea.models.running.tasks import GREEDY, UnknownWords, ids_of, task_of, words_of, write
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.inference import Again, Outcome
from fovea.server.intake.imaging import Photo
from fovea.server.problems import EditRefused

T = TypeVar("T")

MOST_EDITS = 64
MOST_WORDS = 40


def edited_id(analysis: Analysis, edits: Sequence[Edit]) -> str:
    """The id of an edited analysis: equal edits of the same analysis give the same id."""
    said = json.dumps([to_json(edit) for edit in edits], sort_keys=True)
    return hashlib.blake2b(f"{analysis.id}\0{said}".encode(), digest_size=10).hexdigest()


def check(analysis: Analysis, edits: Sequence[Edit]) -> None:
    """Raises EditRefused, before any pass, for edits that are invalid for this analysis."""
    if not edits:
        raise EditRefused("There is no edit.", hint='Send {"edits": [{"edit": "off", …}]}.')
    if len(edits) > MOST_EDITS:
        raise EditRefused(
            f"There are {len(edits)} edits.",
            hint=f"At most {MOST_EDITS} are made at once; one edit takes many heads or cells.",
            limit=MOST_EDITS,
            actual=len(edits),
        )
    try:
        found = checked(edits, analysis.trace)
    except RefusedEdit as error:
        raise refused(error) from error
    if found.hidden and analysis.photo is None:
        raise EditRefused("A sentence was read; there is no photo to hide cells of.")
    _forced(analysis, edits)


def _forced(analysis: Analysis, edits: Sequence[Edit]) -> Tensor | None:
    """(1, word): the words that the network is given in place of its own, from the start to the
    end; None where it chooses them. Raises EditRefused for words that it does not know.
    """
    text = next((edit.text for edit in reversed(edits) if edit.edit == "words"), None)
    if text is None:
        return None
    labels = analysis.model.labels
    if analysis.sentence is None or labels is None:
        raise EditRefused(f"{analysis.model.id} writes no words.", hint="Choose one that does.")
    try:
        words = words_of(text, labels)
    except UnknownWords as error:
        raise EditRefused(
            f"{analysis.model.id} does not know: {', '.join(error.words[:8])}.",
            hint=f"It knows {len(error.known):,} words, such as {', '.join(error.known[:8])}.",
        ) from error
    if not 0 < len(words) <= MOST_WORDS:
        raise EditRefused(
            f"There are {len(words)} words.",
            hint=f"Give 1 to {MOST_WORDS}.",
            limit=MOST_WORDS,
            actual=len(words),
        )
    return torch.cat([torch.tensor([[START]]), ids_of(words, labels)], dim=1)


def refused(error: RefusedEdit) -> EditRefused:
    """The problem for a refused edit."""
    return EditRefused(str(error), hint=error.hint or None)


def with_hidden(analysis: Analysis, edits: Sequence[Edit]) -> Photo | None:
    """The photo with the edits' hidden cells filled; None if the input was a sentence."""
    photo = analysis.photo
    hides = [edit for edit in edits if edit.edit == "hide"]
    if photo is None or not hides or analysis.geometry is None:
        return photo
    pixels = torch.from_numpy(photo.pixels).permute(2, 0, 1)
    for edit in hides:
        site = analysis.trace.site(edit.site or "")
        assert site.grid is not None
        try:
            pixels = hide_cells(
                pixels,
                analysis.geometry,
                site.grid,
                edit.cells or (),
                edit.fill or "mean",
                edit.seed or 0,
            )
        except RefusedEdit as error:
            raise refused(error) from error
    hidden = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    digest = hashlib.blake2b(hidden.tobytes()).hexdigest()
    return replace(photo, pixels=hidden, digest=digest)


def running(
    loaded: LoadedModel, analysis: Analysis, edits: Sequence[Edit], given: Sequence[Tensor]
) -> AbstractContextManager[Edited]:
    """The context in which the network runs with these edits; given: its call arguments."""
    inside = [edit for edit in edits if edit.edit not in ("hide", "words")]
    return edited(loaded.module, inside, analysis.trace, loaded.layouts, given)


def under(analysis: Analysis, ask: Again[T]) -> Again[T]:
    """Makes further passes of an edited analysis run with its edits."""
    if not analysis.edits:
        return ask

    def asked(loaded: LoadedModel, inputs: Tensor) -> T:
        with running(loaded, analysis, analysis.edits, _given(analysis, inputs)):
            return ask(loaded, inputs)

    return asked


def outcome_of(analysis: Analysis, edits: Sequence[Edit], notes: list[str]) -> Again[Outcome]:
    """Runs the edited pass; its remarks are appended to `notes`."""

    def ask(loaded: LoadedModel, inputs: Tensor) -> Outcome:
        started = perf_counter()
        search = GREEDY if analysis.sentence is None else analysis.sentence.search
        writes = task_of(loaded.spec.task).writes
        given, forced = _given(analysis, inputs), _forced(analysis, edits)
        with running(loaded, analysis, edits, given) as edited_network:
            if forced is not None:
                words: Tensor | None = forced.to(inputs.device)
            else:
                words = write(loaded.module, inputs, search) if writes else None
            read = None if words is None else words[:, :-1]
            logits, (trace,) = run(loaded.module, inputs, loaded.layouts, read)
            notes.extend(edited_network.notes)
        seconds = perf_counter() - started
        return Outcome(
            logits[0].float().cpu(),
            trace,
            0.0,
            seconds * 1000,
            1,
            None if words is None else words[0].cpu(),
            search,
        )

    return ask


def _given(analysis: Analysis, inputs: Tensor) -> tuple[Tensor, ...]:
    sentence = analysis.sentence
    return (inputs,) if sentence is None else (inputs, sentence.given.to(inputs.device))
