"""What a request gives a network: a photo, or a sentence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fovea.server.intake.imaging import Photo


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence as it was sent, and its words as the network tells them apart."""

    text: str
    words: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b("\0".join(("text", *self.words)).encode()).hexdigest()


Given = Photo | Text
