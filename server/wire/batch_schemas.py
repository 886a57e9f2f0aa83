"""The JSON of a batch."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from pydantic import BaseModel, Field

from fovea.server.engine.batches import Batch as KeptBatch
from fovea.server.engine.batches import Entry
from fovea.server.engine.jobs import State
from fovea.server.wire.addresses import address
from fovea.server.wire.schemas import Problem


class BatchPhoto(BaseModel, extra="forbid"):
    name: str = Field(description="the file's; its number where it came without one")
    analysis: str | None = Field(description="the id; null: it failed, or is on its way")
    href: str | None = Field(description="the address of the analysis")
    problem: Problem | None = Field(description="why there is no analysis")


class Batch(BaseModel, extra="forbid"):
    id: str = Field(description="the job's too")
    model: str
    state: State
    photos: list[BatchPhoto] = Field(description="in the order in which they were sent")


def batch(kept: KeptBatch) -> Batch:
    """The current state of each photo."""
    return Batch(
        id=kept.job.id,
        model=kept.job.model,
        state=kept.job.state,
        photos=[_photo(kept, entry) for entry in kept.entries],
    )


def _photo(kept: KeptBatch, entry: Entry) -> BatchPhoto:
    problem = kept.problem_of(entry)
    here, id = address(f"/v1/batches/{kept.job.id}"), kept.job.id
    return BatchPhoto(
        name=entry.name,
        analysis=entry.analysis,
        href=address(f"/v1/analyses/{entry.analysis}") if entry.analysis else None,
        problem=Problem.model_validate(problem.body(here, id)) if problem else None,
    )
