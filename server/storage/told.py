"""A problem as a file keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovea.server.problems import Internal, Problem, leaves


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """What another process needs to tell the same."""
    return {"slug": problem.slug, "detail": problem.detail, "hint": problem.hint}


def problem_of_json(told: Mapping[str, Any]) -> Problem:
    """The same problem; one of a kind that this version does not know is told as Internal."""
    kind = next((one for one in leaves() if one.slug == told["slug"]), Internal)
    return kind(told["detail"], hint=told["hint"])
