"""What it takes to make an analysis again, as a small JSON file beside its photo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fovea.models.running.tasks import GREEDY, Search

FORM = 1
"""Of the JSON; a record of another one is not understood."""


@dataclass(frozen=True, slots=True)
class Record:
    """An analysis without its trace.

    photo: its name in the store, None where a sentence (`text`) was read · digest: of its pixels ·
    warnings: about the photo · base: the id of the analysis without the edits, its own where there
    are none · edits: as JSON · serial, timings_ms: of the first pass; serial tells its bits.
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
        """The file."""
        return json.dumps({"form": FORM, **asdict(self)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """Raises ValueError where this is no record, or one of a later version."""
        try:
            said = json.loads(data)
            if said.pop("form") != FORM:
                raise ValueError("a record of another version")
            lists = ("warnings", "edits")
            return cls(**{**said, **{name: tuple(said[name]) for name in lists}})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("no record of an analysis") from error
