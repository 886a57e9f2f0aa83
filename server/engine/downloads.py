"""Which weights a request may cause to be downloaded, and how much disk they may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import ModelSpec
from fovea.server.problems import CacheFull, DownloadsRefused
from fovea.server.settings import Settings

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Downloads:
    """Download policy. allowed: all, listed or none. most_bytes: limit of the cache folder, or
    None.
    """

    allowed: str = "all"
    most_bytes: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Downloads:
        """From the settings."""
        return cls(settings.downloads, settings.cache_budget_bytes)

    def check(self, spec: ModelSpec, catalog: Catalog) -> None:
        """Raises DownloadsRefused for a model that this server may not download."""
        if self.allowed == "none" or (
            self.allowed == "listed" and spec.id not in {row.id for row in catalog.listed()}
        ):
            which = "no models" if self.allowed == "none" else "the listed models only"
            raise DownloadsRefused(f"{spec.id} is not here, and {which} are downloaded.")

    def bounded(self, report: Report, catalog: Catalog) -> Report:
        """A progress callback that raises CacheFull once the file is known to be too large."""
        most, folder = self.most_bytes, catalog.cache_dir
        if most is None or folder is None:
            return report
        before: list[int] = []

        def told(received: int, total: int | None) -> None:
            if not before:
                before.append(max(0, size_of(folder) - received))
            if before[0] + max(received, total or 0) > most:
                raise CacheFull(
                    f"With these weights the cache would hold more than {most:,} bytes.",
                    limit=most,
                    actual=before[0] + max(received, total or 0),
                )
            report(received, total)

        return told


def size_of(folder: Path) -> int:
    """Total bytes of the files in it; the hub library's links to the same file count once."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
