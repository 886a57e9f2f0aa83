"""The input of a request: a photo or a sentence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fovea.server.intake.imaging import Photo


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence as sent, and its words in the network's vocabulary."""

    text: str
    words: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b("\0".join(("text", *self.words)).encode()).hexdigest()


Given = Photo | Text
