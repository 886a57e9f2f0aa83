"""A least-recently-used store of finished analyses within a budget of bytes.

Used from the event loop only, so there are no locks.
"""

from __future__ import annotations

from collections import OrderedDict

from fovea.server.engine.analysis import Analysis
from fovea.server.intake.imaging import Photo
from fovea.server.problems import AnalysisGone, UnknownAnalysis

REMEMBERED = 10_000
"""Number of evicted ids remembered, to tell them from unknown ids."""


class Store:
    """A least-recently-used store; the newest analysis stays even if it alone exceeds the
    budget.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.evictions = 0
        self._kept: OrderedDict[str, Analysis] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._makers: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Bytes of traces and photos; a photo shared by several analyses counts once."""
        every = (kept.photo for kept in self._kept.values())
        photos = {id(photo): photo.pixels.nbytes for photo in every if photo is not None}
        return sum(kept.trace_bytes for kept in self._kept.values()) + sum(photos.values())

    def find(self, analysis: str) -> Analysis | None:
        """The analysis if it is stored; marks it as used."""
        if analysis in self._kept:
            self._kept.move_to_end(analysis)
        return self._kept.get(analysis)

    def get(self, analysis: str) -> Analysis:
        """The analysis; raises AnalysisGone or UnknownAnalysis."""
        if kept := self.find(analysis):
            return kept
        if analysis in self._gone:
            raise AnalysisGone("The analysis was dropped to make room for newer ones.")
        raise UnknownAnalysis(f"There is no analysis {analysis[:64]!r}.")

    def serial(self, analysis: str) -> str | None:
        """The serial of a stored analysis, without marking it as used; None if not stored."""
        kept = self._kept.get(analysis)
        return None if kept is None else kept.serial

    def put(self, analysis: Analysis) -> None:
        """Stores it and evicts the least recently used ones until the budget holds."""
        self._gone.pop(analysis.id, None)
        self._kept[analysis.id] = analysis
        self._kept.move_to_end(analysis.id)
        while len(self._kept) > 1 and self.nbytes > self.budget_bytes:
            dropped, _ = self._kept.popitem(last=False)
            self._makers.pop(dropped, None)
            self.evictions += 1
            self._gone[dropped] = None
            if len(self._gone) > REMEMBERED:
                self._gone.popitem(last=False)

    def made_by(self, analysis: str, maker: str) -> None:
        """Records that a client, known by its key, made it; several may have."""
        if analysis in self._kept:
            self._makers.setdefault(analysis, set()).add(maker)

    def makers(self, analysis: str) -> frozenset[str]:
        """The keys of the clients that made it."""
        return frozenset(self._makers.get(analysis, ()))

    def forget(self, analysis: str, maker: str | None = None) -> None:
        """Deletes the analysis, or for one maker only its claim while others remain; raises as
        `get` does.
        """
        self.get(analysis)
        if maker is not None:
            self._makers.get(analysis, set()).discard(maker)
            if self._makers.get(analysis):
                return
        self._makers.pop(analysis, None)
        del self._kept[analysis]

    def photo(self, digest: str) -> Photo | None:
        """A stored photo with these pixels, so that equal photos share memory."""
        photos = (kept.photo for kept in self._kept.values())
        return next((photo for photo in photos if photo and photo.digest == digest), None)
