"""Refuses unknown query parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant

from fovea.models.closest import did_you_mean
from fovea.server.language.translating import LANGUAGES
from fovea.server.problems import InvalidParameter
from fovea.server.wire.negotiation import Format


def _known(request: Request) -> set[str]:
    """The query parameters of the matched route."""
    return _of(request.scope["route"].dependant)


def _of(dependant: Dependant) -> set[str]:
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_of, dependant.dependencies))


def check_parameters(request: Request, more: Iterable[str] = ()) -> None:
    """Raises InvalidParameter for a query parameter that is unknown here or given twice.

    more: parameters that the address takes besides those that its route declares.
    """
    known = sorted({*_known(request), *more})
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in given.items():
        if name == "lang":  # supported languages were consumed earlier (http/language.py)
            raise InvalidParameter(
                f"lang={request.query_params[name][:50]} is not spoken here; "
                f"valid: {', '.join(LANGUAGES)}.",
                parameter=name,
                valid=list(LANGUAGES),
            )
        if name not in known:
            raise unknown_name("parameter", name, known)
        if times > 1:
            raise InvalidParameter(
                f"The parameter {name} is given {times} times; give it once.", parameter=name
            )


def unknown_name(what: str, name: str, known: Iterable[str]) -> InvalidParameter:
    """The problem for an unknown parameter, field or key. known: the valid names."""
    valid = list(known)
    return InvalidParameter(
        f"There is no {what} {name[:50]!r} here; valid: {', '.join(valid) or 'none'}."
        f"{did_you_mean(name, valid)}",
        parameter=name[:50],
        valid=valid,
    )


async def _only_known(request: Request) -> None:
    check_parameters(request)


ONLY_KNOWN = Depends(_only_known)
"""Dependency for routers whose routes declare all their parameters."""


async def _representation(
    format: Annotated[
        Format | None, Query(description="what the answer is, as Accept says it with a media type")
    ] = None,
    download: Annotated[
        str | None,
        Query(max_length=200, description="the name of the file that a browser saves it as"),
    ] = None,
) -> None:
    """Declares the parameter that `answering.conditional` reads from the request."""


REPRESENTATION = Depends(_representation)
"""Dependencies for routes that offer several representations."""
