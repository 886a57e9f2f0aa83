"""What a problem is; the tree of problems is in the package's docstring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class Problem(Exception):
    """Something that ends a request, with what the client may know about it."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = ""
    title: ClassVar[str] = ""
    hint: str | None = None
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        limit: float | None = None,
        actual: float | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint if hint is not None else type(self).hint
        self.limit, self.actual = limit, actual
        self.headers = dict(headers or {})
        if self.retry_after_s is not None:
            self.headers.setdefault("Retry-After", str(self.retry_after_s))
        self.extra = extra

    def body(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the problem details object, absent ones left out."""
        members = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            "limit": self.limit,
            "actual": self.actual,
            "hint": self.hint,
            **self.extra,
        }
        return {name: value for name, value in members.items() if value is not None}


def leaves(branch: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every kind of problem that can be raised, in the order of the tree."""
    for kind in branch.__subclasses__():
        if kind.slug:
            yield kind
        yield from leaves(kind)
