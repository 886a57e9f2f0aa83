"""Content negotiation (RFC 9110, 12.5.1) and conditional requests (13.1.2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from fovea.server.problems import NotAcceptable

JSON = "application/json"
PNG = "image/png"
JPEG = "image/jpeg"
WEBP = "image/webp"
NPY = "application/x-npy"
SAFETENSORS = "application/vnd.safetensors"
CSV = "text/csv"

Format = Literal["json", "png", "jpeg", "webp", "npy", "safetensors", "csv"]
FORMATS: dict[Format, str] = {
    "json": JSON,
    "png": PNG,
    "jpeg": JPEG,
    "webp": WEBP,
    "npy": NPY,
    "safetensors": SAFETENSORS,
    "csv": CSV,
}
"""The value of `?format=` for each media type, also used as file suffix."""

MOST_CHARACTERS = 120
"""Maximum length of a file name without its suffix."""


def choose(accept: str | None, offered: Sequence[str], named: Format | None = None) -> str:
    """The media type among `offered` that the Accept header prefers; the first wins a tie.

    named: the one requested by the address. Raises NotAcceptable for one that is not offered, or if
    address and header disagree.
    """
    ranges = _ranges(accept or "*/*")
    quality = {media: _quality(media, ranges) for media in offered}
    if named is not None:
        media = FORMATS[named]
        if media in offered and quality[media] > 0:
            return media
        offers = ", ".join(name for name, one in FORMATS.items() if one in offered)
        raise NotAcceptable(
            f"format={named} is not what the Accept header asks for; give one of them."
            if media in offered
            else f"This address does not answer as format={named}; valid: {offers}.",
            acceptable=list(offered),
        )
    best = max(offered, key=lambda media: quality[media])
    if quality[best] <= 0:
        raise NotAcceptable(
            f"This address can answer as {', '.join(offered)}.", acceptable=list(offered)
        )
    return best


def _ranges(accept: str) -> list[tuple[str, float]]:
    """[(media range, quality)]; malformed parts are skipped."""
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


def disposition(name: str, media: str) -> str:
    """Content-Disposition for a file of this name (RFC 6266): without path or line breaks, with the
    suffix of its format if it has none.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(one for one in last if one.isprintable() and one not in '<>:"|?*').strip(" .")
    ending = next((f".{known}" for known, one in FORMATS.items() if one == media), "")
    endings = (ending, ".jpg") if media == JPEG else (ending,)
    stem = (kept or "fovea")[:MOST_CHARACTERS]
    full = stem if stem.lower().endswith(endings) else f"{stem}{ending}"
    plain = "".join(one if one.isascii() and one not in "%\\" else "_" for one in full)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(full, safe='')}"


def entity_tag(*parts: str) -> str:
    """A strong ETag from what determines the bytes, so that it is known before they are made."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=12)
    return f'"{digest.hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client's copy is current, by weak comparison as for GET."""
    if if_none_match is None:
        return False
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in (tag, "*") for candidate in candidates)
