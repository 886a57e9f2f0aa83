"""Converts an analysis to its archive record, and compares a recomputed one with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from fovea.models.edits import to_json
from fovea.models.running.tasks import Search, Sentence
from fovea.server.engine import pools
from fovea.server.engine.analysis import Analysis
from fovea.server.storage.archive import Archive
from fovea.server.storage.records import Record


async def keep(archive: Archive, found: Analysis, base: Analysis, search: Search) -> Analysis:
    """The analysis as clients will see it wherever it is recomputed: `serial` identifies its bits,
    and its times are those of the first pass. base: the unedited analysis.
    """
    serial = await pools.run(pools.ANSWERS, serial_of, found)
    known = await archive.find(found.id)
    times = found.timings_ms if known is None else known.timings_ms
    found = replace(found, serial=serial, timings_ms=times)
    await archive.keep(record_of(archive, found, base, search), base.photo)
    return found


def record_of(archive: Archive, found: Analysis, base: Analysis, search: Search) -> Record:
    """The record from which it can be recomputed."""
    photo, text = base.photo, base.text
    if isinstance(base.output, Sentence):
        search = base.output.search
    return Record(
        id=found.id,
        model=found.model.id,
        revision=found.revision,
        photo=None if photo is None else archive.name_of(photo),
        digest="" if photo is None else photo.digest,
        format="" if photo is None else photo.format,
        warnings=() if photo is None else photo.warnings,
        text=None if text is None else text.text,
        beams=search.beams,
        no_repeat_ngram=search.no_repeat_ngram,
        base=base.id,
        edits=tuple(to_json(edit) for edit in found.edits),
        serial=found.serial,
        timings_ms=dict(found.timings_ms),
    )


def serial_of(found: Analysis) -> str:
    """A digest of every number that the pass produced: equal digests mean equal bits."""
    digest = hashlib.blake2b(digest_size=8)
    for tensor in _tensors(found):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tensors(found: Analysis) -> Iterator[Tensor]:
    if found.logits is not None:
        yield found.logits
    kept: list[Any] = [site.tensors for site in found.trace.sites]
    if found.output is not None:
        kept.append(found.output)
    for one in kept:
        for field in fields(one):
            value = getattr(one, field.name)
            if isinstance(value, Tensor):
                yield value
