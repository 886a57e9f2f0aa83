"""The JSON of a job."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from fovea.server.engine.jobs import Job as KeptJob
from fovea.server.engine.jobs import Jobs, State
from fovea.server.wire.addresses import address
from fovea.server.wire.schemas import Problem


class JobLinks(BaseModel, extra="forbid"):
    self: str
    events: str
    model: str


class Job(BaseModel, extra="forbid"):
    id: str
    kind: Literal["download"]
    model: str
    state: State
    queue_position: int | None = Field(description="1 is next; null: it waits no more")
    received_bytes: int = Field(description="with what an earlier download brought")
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
    return Job(
        id=kept.id,
        kind="download",
        model=kept.model,
        state=kept.state,
        queue_position=jobs.position(kept),
        received_bytes=kept.meter.received,
        total_bytes=kept.meter.total,
        bytes_per_s=None if rate is None else round(rate, 1),
        seconds_left=None if left is None else round(left, 2),
        problem=problem,
        links=JobLinks(
            self=here, events=f"{here}/events", model=address(f"/v1/models/{kept.model}")
        ),
    )
