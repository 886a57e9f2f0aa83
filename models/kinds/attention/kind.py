"""Describes the kind attention."""

from fovea.models.kinds.attention.leading import leading
from fovea.models.kinds.attention.planning import planned
from fovea.models.kinds.kind import SiteKind

ATTENTION = SiteKind(
    name="attention",
    title="Attention",
    claim="attention",
    views=("attention", "projections", "steps", "stream", "block"),
    leading=leading,
    edited_as="attention",
    planned=planned,
)

KINDS = (ATTENTION,)
