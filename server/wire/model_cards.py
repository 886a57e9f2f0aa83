"""The catalogue for clients: each row with whether it is ready to use."""

from __future__ import annotations

from dataclasses import dataclass

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import ModelSpec
from fovea.models.catalog.weights import hub
from fovea.models.closest import did_you_mean
from fovea.models.running.tasks import TASKS
from fovea.server.engine.shelf import Shelf, find
from fovea.server.problems import InvalidParameter
from fovea.server.wire import schemas
from fovea.server.wire.addresses import address

MOST = 500
"""Models searched when filtering by mechanism or task."""


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """A model query. mechanism, task: filters."""

    search: str = ""
    limit: int = 50
    mechanism: str | None = None
    task: str | None = None


def rows(
    catalog: Catalog, shelf: Shelf, wanted: ModelQuery, default: str | None
) -> list[schemas.ModelSummary]:
    """Models that need no download, and with a search text also those on the hub.

    default: id of the default model. Raises InvalidParameter for a mechanism or task that no listed
    model has.
    """
    search, filtered = wanted.search, wanted.mechanism or wanted.task
    most = MOST if filtered else wanted.limit
    specs = catalog.search(search, most) if search.strip() else catalog.listed()[:most]
    if filtered:
        listed = [*catalog.listed(), *specs]
        _check(
            "mechanism",
            wanted.mechanism,
            {mechanism for spec in listed for mechanism in spec.mechanisms},
        )
        _check("task", wanted.task, {spec.task for spec in listed} | set(TASKS))
    specs = [
        spec
        for spec in specs
        if (wanted.mechanism is None or wanted.mechanism in spec.mechanisms)
        and (wanted.task is None or wanted.task == spec.task)
    ][: wanted.limit]
    return [
        schemas.model_summary(known(spec, shelf), status(spec, catalog, shelf), spec.id == default)
        for spec in specs
    ]


def _check(name: str, value: str | None, known: set[str]) -> None:
    if value is not None and value not in known:
        valid = sorted(known)
        raise InvalidParameter(
            f"There is no {name} {value[:50]!r}; valid: {', '.join(valid)}."
            f"{did_you_mean(value, valid)}",
            valid=valid,
        )


def card(catalog: Catalog, shelf: Shelf, model: str, default: str | None) -> schemas.ModelCard:
    """One model; raises UnknownModel."""
    spec = find(catalog, model)
    loaded = shelf.loaded(spec.id)
    job = shelf.downloading(spec.id)
    return schemas.model_card(
        known(spec, shelf),
        status(spec, catalog, shelf),
        spec.id == default,
        loaded.revision if loaded else None,
        (job.meter.received, job.meter.total) if job else None,
        address(f"/v1/jobs/{job.id}") if job else None,
    )


def known(spec: ModelSpec, shelf: Shelf) -> ModelSpec:
    """Adds what loading has revealed: number of parameters and checksum."""
    loaded = shelf.loaded(spec.id)
    return loaded.spec if loaded else spec


def status(spec: ModelSpec, catalog: Catalog, shelf: Shelf) -> schemas.Status:
    """Whether the network is ready, needs a download, or is unusable."""
    if shelf.loading(spec.id) or shelf.downloading(spec.id):
        return "loading"
    if spec.reason is not None:
        return "unavailable"
    if shelf.loaded(spec.id) or spec.source != "hub":
        return "ready"
    if spec.repository is None:
        return "unavailable"
    if hub.cached(spec.repository, catalog.cache_dir):
        return "ready"
    return "unavailable" if catalog.offline else "available"
