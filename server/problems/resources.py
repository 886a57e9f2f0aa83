"""Problems of things that do not exist."""

# ruff: noqa: D101 (a problem is explained by its title and hint)

from __future__ import annotations

from fovea.server.problems.base import Problem

__all__ = [
    "AnalysisGone",
    "Missing",
    "NotFound",
    "UnknownAnalysis",
    "UnknownFigure",
    "UnknownJob",
    "UnknownMap",
    "UnknownModel",
    "UnknownProblem",
    "UnknownResult",
    "UnknownSite",
    "WrongKind",
]


class Missing(Problem):
    status = 404


class NotFound(Missing):
    slug, title = "not-found", "There is nothing at this address"
    hint = "The addresses are listed at /docs."


class UnknownModel(Missing):
    slug, title = "unknown-model", "There is no model of that name"
    hint = "GET /v1/models lists the models; GET /v1/models?search= finds more."


class UnknownAnalysis(Missing):
    slug, title = "unknown-analysis", "There is no analysis of that name"
    hint = "POST the photo to /v1/analyses; it never existed, or was deleted."


class AnalysisGone(Missing):
    status = 410
    slug, title = "analysis-gone", "The analysis was evicted by newer ones"
    hint = "POST the same photo and model to /v1/analyses again: it will have the same id."


class UnknownJob(Missing):
    slug, title = "unknown-job", "There is no job of that name"
    hint = "Old jobs are dropped; without a photo store all are lost when the server restarts."


class UnknownResult(Missing):
    slug, title = "unknown-result", "No such result is kept"
    hint = "POST the request again; its job gives the address of the result."


class UnknownSite(Missing):
    slug, title = "unknown-site", "The network has no such site"


class WrongKind(Missing):
    slug, title = "wrong-kind", "The site is of another kind"


class UnknownMap(Missing):
    slug, title = "unknown-map", "There is no map of that name"


class UnknownFigure(Missing):
    slug, title = "unknown-figure", "There is no figure of that name"


class UnknownProblem(Missing):
    slug, title = "unknown-problem", "There is no problem of that name"
