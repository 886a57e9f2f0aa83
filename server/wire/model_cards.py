"""The catalogue as clients see it: each row with whether it can be used right now."""

from __future__ import annotations

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import ModelSpec
from fovea.models.catalog.weights import hub
from fovea.server.engine.shelf import Shelf, find
from fovea.server.wire import schemas
from fovea.server.wire.addresses import address


def rows(
    catalog: Catalog, shelf: Shelf, search: str, limit: int, default: str | None
) -> list[schemas.ModelSummary]:
    """What runs without a download, and with a search text also what the hub has.

    default: the id of the model that is used when a request names none.
    """
    specs = catalog.search(search, limit) if search.strip() else catalog.listed()[:limit]
    return [
        schemas.model_summary(known(spec, shelf), status(spec, catalog, shelf), spec.id == default)
        for spec in specs
    ]


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
    """Loading a network teaches its number of parameters and its checksum."""
    loaded = shelf.loaded(spec.id)
    return loaded.spec if loaded else spec


def status(spec: ModelSpec, catalog: Catalog, shelf: Shelf) -> schemas.Status:
    """Whether the network can be used at once, after a download, or not."""
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
