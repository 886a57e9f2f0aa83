"""The fraction of a photo that each class of a mask covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fovea.models.running.tasks import Mask


def shares(mask: Mask, most: int = 5) -> list[tuple[str, float]]:
    """The classes that cover most of the photo, with their fractions."""
    every = sum(mask.counts)
    ranked = sorted(zip(mask.counts, mask.labels, strict=True), key=lambda one: -one[0])
    return [(label, count / every) for count, label in ranked[:most] if count]
