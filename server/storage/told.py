"""Problems as JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fovea.server.problems import Internal, Problem, leaves


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """What another process needs to report the same problem."""
    return {
        "slug": problem.slug,
        "detail": problem.detail,
        "hint": problem.hint,
        "limit": problem.limit,
        "actual": problem.actual,
        "extra": json.loads(json.dumps(problem.extra, default=str)),
    }


def problem_of_json(told: Mapping[str, Any]) -> Problem:
    """The same problem; unknown types of later versions become Internal."""
    kind = next((kind for kind in leaves() if kind.slug == told["slug"]), Internal)
    bounds = {"limit": told["limit"], "actual": told["actual"]}
    return kind(told["detail"], hint=told["hint"], **bounds, **told["extra"])
