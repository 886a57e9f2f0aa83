"""The JSON of a job."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from pydantic import BaseModel, Field

from fovea.server.engine.jobs import Job as KeptJob
from fovea.server.engine.jobs import Jobs, Kind, State
from fovea.server.wire.addresses import address
from fovea.server.wire.schemas import Problem


class JobLinks(BaseModel, extra="forbid"):
    self: str
    events: str
    model: str
    analysis: str | None = None
    result: str | None = Field(default=None, description="where the result is, once it is done")


class Job(BaseModel, extra="forbid"):
    id: str
    kind: Kind
    model: str
    state: State
    queue_position: int | None = Field(description="1 is next; null: it waits no more")
    done: int | None = Field(
        default=None,
        description="passes made so far, or photos seen of a batch; null: a download",
    )
    total: int | None = Field(default=None, description="passes in all; null: not known")
    result: str | None = Field(
        default=None, description="the address that answers what was found; null until it is done"
    )
    analysis: str | None = Field(
        default=None, description="what it is of; null: a download, a batch"
    )
    received_bytes: int = Field(description="of a download, with what an earlier one brought")
    total_bytes: int | None
    bytes_per_s: float | None = Field(description="over the last seconds; null: not known")
    seconds_left: float | None = Field(description="at this rate; null: not known")
    problem: Problem | None = Field(description="why it failed")
    links: JobLinks


def job(kept: KeptJob, jobs: Jobs) -> Job:
    """How far a job is."""
    here = address(f"/v1/jobs/{kept.id}")
    running = kept.state == "running"
    rate = kept.meter.rate if running else None
    left = kept.meter.seconds_left if running else None
    problem = None
    if kept.state == "failed" and kept.problem is not None:
        problem = Problem.model_validate(kept.problem.body(here, kept.id))
    download = kept.kind == "download"
    counted = (kept.meter.received, kept.meter.total)
    result = address(kept.result) if kept.result and kept.state == "done" else None
    return Job(
        id=kept.id,
        kind=kept.kind,
        model=kept.model,
        state=kept.state,
        queue_position=jobs.position(kept),
        done=None if download else counted[0],
        total=None if download else counted[1],
        result=result,
        analysis=kept.analysis,
        received_bytes=counted[0] if download else 0,
        total_bytes=counted[1] if download else None,
        bytes_per_s=round(rate, 1) if download and rate is not None else None,
        seconds_left=None if left is None else round(left, 2),
        problem=problem,
        links=JobLinks(
            self=here,
            events=f"{here}/events",
            model=address(f"/v1/models/{kept.model}"),
            analysis=address(f"/v1/analyses/{kept.analysis}") if kept.analysis else None,
            result=result,
        ),
    )
