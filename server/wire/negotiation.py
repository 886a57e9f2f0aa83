"""Which representation the client wants (RFC 9110, 12.5.1) and whether it has it (13.1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fovea.server.problems import NotAcceptable

JSON = "application/json"
PNG = "image/png"
JPEG = "image/jpeg"
WEBP = "image/webp"
NPY = "application/x-npy"
SAFETENSORS = "application/vnd.safetensors"


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The media type of `offered` that the Accept header prefers; the first one wins a tie."""
    ranges = _ranges(accept or "*/*")
    quality = {media: _quality(media, ranges) for media in offered}
    best = max(offered, key=lambda media: quality[media])
    if quality[best] <= 0:
        raise NotAcceptable(
            f"This address can answer as {', '.join(offered)}.", acceptable=list(offered)
        )
    return best


def _ranges(accept: str) -> list[tuple[str, float]]:
    """[(media range, quality)]; parts that are not understood are left out."""
    ranges = []
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if "/" in media:
            ranges.append((media, _q_of(parameters)))
    return ranges


def _q_of(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality given by the most specific range that covers `media`."""
    kind = media.split("/")[0]
    for wanted in (media, f"{kind}/*", "*/*"):
        given = [quality for candidate, quality in ranges if candidate == wanted]
        if given:
            return max(given)
    return 0.0


def entity_tag(*parts: str) -> str:
    """A strong ETag from what determines the bytes, so that it is known before they are made."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=12)
    return f'"{digest.hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client's copy is current, by the weak comparison that GET asks for."""
    if if_none_match is None:
        return False
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in (tag, "*") for candidate in candidates)
