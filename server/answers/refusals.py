"""Maps errors of `models` to problems: one table for HTTP and the command line."""

from __future__ import annotations

from typing import Any

from fovea.models.methods.base import BadOption
from fovea.models.methods.registry import UnknownMethod
from fovea.models.records import UnknownSite as NoSuchSite
from fovea.server.problems import InvalidParameter, Problem, UnknownMap, UnknownSite


def problem_of(error: Exception) -> Problem | None:
    """The problem for an exception; None if the exception is unexpected."""
    match error:
        case Problem():
            return error
        case BadOption():
            extra: dict[str, Any] = {} if error.valid is None else {"valid": error.valid}
            return InvalidParameter(
                str(error), hint=error.hint, limit=error.limit, actual=error.actual, **extra
            )
        case UnknownMethod():
            return UnknownMap(str(error), valid=list(error.known))
        case NoSuchSite():
            valid = ", ".join(error.known) or "none"
            return UnknownSite(
                f"There is no site {error.site[:50]!r}; valid: {valid}.", valid=list(error.known)
            )
        case _:
            return None
