"""Claims of the literature that are tested here, one module each; results in docs/claims.md."""

from training.claims import (
    gates,
    positions,
    receptive_field,
    rooms,
    rooms_large,
    scores,
    spatial_transformers,
    tnt,
)
from training.claims.claim import Claim

CLAIMS: dict[str, Claim] = {
    module.CLAIM.id: module.CLAIM
    for module in (
        gates,
        spatial_transformers,
        rooms,
        rooms_large,
        positions,
        receptive_field,
        tnt,
        scores,
    )
}


def claim_for(name: str) -> Claim:
    """The claim called name; ValueError lists the valid names."""
    if name not in CLAIMS:
        raise ValueError(f"unknown claim {name!r}; valid: {', '.join(CLAIMS)}")
    return CLAIMS[name]
