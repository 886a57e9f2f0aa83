"""Routes all requests about one analysis to the replica that holds its trace."""

from __future__ import annotations

import re

from ray.serve._private.request_router.common import PendingRequest
from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter

ABOUT = re.compile(r"/v1/analyses/([0-9a-f]+)")


class ByAnalysis(ConsistentHashRouter):  # type: ignore[misc]
    """Consistent hashing by the id in the path; everything else is spread evenly.

    When a replica goes away, only its analyses move; a full replica passes requests on.
    """

    def _routing_key(self, pending_request: PendingRequest | None) -> str | None:
        scope: dict[str, str] = {}
        if pending_request is not None and pending_request.args:
            scope = getattr(pending_request.args[0], "_asgi_scope", scope)
        found = ABOUT.search(scope.get("path", ""))
        key: str | None = found[1] if found else super()._routing_key(pending_request)
        return key
