"""What is needed to recompute an analysis, as a small JSON file beside its photo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fovea.models.running.tasks import GREEDY, Search

FORM = 1
"""Version of the JSON; other versions are not read."""


@dataclass(frozen=True, slots=True)
class Record:
    """An analysis without its trace.

    photo: its name in the store, None if a sentence (`text`) was read · digest: of its pixels ·
    warnings: about the photo · base: id of the unedited analysis, its own id if there are no edits
    · edits: as JSON · serial, timings_ms: of the first pass; serial identifies its bits.
    """

    id: str
    model: str
    revision: str
    photo: str | None
    digest: str
    format: str
    warnings: tuple[str, ...]
    text: str | None
    beams: int
    no_repeat_ngram: int
    base: str
    edits: tuple[Mapping[str, Any], ...]
    serial: str
    timings_ms: Mapping[str, float]

    @property
    def search(self) -> Search:
        found = Search(self.beams, self.no_repeat_ngram)
        return GREEDY if found == GREEDY else found

    def to_json(self) -> bytes:
        """The file's content."""
        return json.dumps({"form": FORM, **asdict(self)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """Raises ValueError for anything but a record of this version."""
        try:
            said = json.loads(data)
            if said.pop("form") != FORM:
                raise ValueError("a record of another version")
            lists = ("warnings", "edits")
            return cls(**{**said, **{name: tuple(said[name]) for name in lists}})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("no record of an analysis") from error
