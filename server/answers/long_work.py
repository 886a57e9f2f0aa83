"""Jobs that need many passes: started by a client, or restarted after the server restarts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fovea.models.methods.base import Subject
from fovea.server.answers import evidence, measures, sweeps
from fovea.server.answers.subject import learned_of
from fovea.server.engine import pools
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.engine.jobs import Job, Kind
from fovea.server.engine.passes import Passes, start
from fovea.server.engine.results import result_id

Work = Callable[[Passes], Any]


def _sweep(analysis: Analysis, subject: Subject, said: Mapping[str, Any]) -> Work:
    return sweeps.planned(analysis, subject, sweeps.SweepRequest(**_with_words(said)))


def _evidence(analysis: Analysis, subject: Subject, said: Mapping[str, Any]) -> Work:
    return evidence.planned(analysis, subject, measures.MeasureRequest(**_with_words(said)))


PLANS: dict[Kind, tuple[str, Callable[[Analysis, Subject, Mapping[str, Any]], Work]]] = {
    "sweep": ("sweeps", _sweep),
    "evidence": ("evidence", _evidence),
}
"""Kind of job → (second to last part of its result's address, function that plans it)."""


async def begin(
    engine: Engine, kind: Kind, analysis: Analysis, said: Mapping[str, Any], id: str | None = None
) -> Job:
    """Start the job for a request about an analysis. id: of the job to restart, if any.

    Raises, before any pass, whatever that kind's planner raises for an invalid request.
    """
    subject = await learned_of(engine, analysis)
    folder, plan = PLANS[kind]
    work = await pools.run(pools.ANSWERS, plan, analysis, subject, said)
    path = f"/v1/analyses/{analysis.id}/{folder}/{result_id(kind, said)}"
    return await start(engine, kind, analysis, path, work, said, id)


def _with_words(said: Mapping[str, Any]) -> dict[str, Any]:
    target = said.get("target")
    return {**said, "target": None if target is None else str(target)}
