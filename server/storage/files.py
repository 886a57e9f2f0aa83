"""Named files in a folder or bucket: the small part of fsspec that the photo store needs."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fovea.server.problems import StoreUnavailable
from fovea.server.settings import SettingsError

log = logging.getLogger("fovea.storage")

PARTIAL = ".partial"
"""Suffix of a file being written; a leftover one is from a process that was killed."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A listed file. modified: seconds since 1970."""

    name: str
    nbytes: int
    modified: float


class Files:
    """Files under an fsspec address. Used from threads; raises StoreUnavailable if the storage does
    not answer, and SettingsError for an unusable address.
    """

    def __init__(self, address: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise SettingsError(
                'FOVEA_PHOTO_STORE: an address needs fsspec; pip install "fovea-microscope[store]" '
                "installs it."
            ) from error
        try:
            # Other instances write there too, so listings must not be cached.
            self._fs, root = url_to_fs(address, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            said = " ".join(str(error).split())
            raise SettingsError(f"FOVEA_PHOTO_STORE: {address!r} cannot be used: {said}") from error
        self._root = root.rstrip("/")
        protocols = self._fs.protocol
        self._local = "file" in ((protocols,) if isinstance(protocols, str) else protocols)

    def check(self) -> None:
        """Raises SettingsError if the store is not writable."""
        name = f"check-{secrets.token_hex(4)}"
        try:
            self.write(name, b"")
            self.delete(name)
        except StoreUnavailable as error:
            why = " ".join(str(error.__cause__).split())
            raise SettingsError(f"FOVEA_PHOTO_STORE: cannot write there: {why}") from error

    def read(self, name: str) -> bytes | None:
        """The bytes; None if there is no such file."""
        with _reached():
            try:
                data: bytes = self._fs.cat_file(self._path(name))
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return None
            return data

    def write(self, name: str, data: bytes) -> None:
        """Atomic: nobody reads half a file."""
        path = self._path(name)
        with _reached():
            if not self._local:
                self._fs.pipe_file(path, data)
                return
            partial = f"{path}-{secrets.token_hex(4)}{PARTIAL}"
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(partial, data)
            self._fs.mv(partial, path)

    def create(self, name: str, data: bytes) -> bool:
        """Writes only if absent; returns whether this call wrote it."""
        path = self._path(name)
        with _reached():
            try:
                if self._local:
                    self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                    with open(path, "xb") as file:  # noqa: PTH123 (fsspec's own is not exclusive)
                        file.write(data)
                else:
                    self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            return True

    def exists(self, name: str) -> bool:
        with _reached():
            return bool(self._fs.exists(self._path(name)))

    def delete(self, name: str) -> None:
        """Deletes a file or everything under a prefix; missing ones are ignored."""
        with _reached(), suppress(FileNotFoundError):
            self._fs.rm(self._path(name), recursive=True)

    def listed(self, under: str) -> list[ListedFile]:
        """All files below a name, recursively, without those being written."""
        with _reached():
            try:
                found: dict[str, dict[str, Any]] = self._fs.find(self._path(under), detail=True)
            except FileNotFoundError:
                return []
            cut = len(self._root) + 1
            return [
                ListedFile(path[cut:], info.get("size") or 0, _modified(info))
                for path, info in found.items()
                if not path.endswith(PARTIAL)
            ]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _modified(info: dict[str, Any]) -> float:
    """Modification time under the names that storages use; now if unknown, so nothing expires
    early.
    """
    for key in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        match info.get(key):
            case datetime() as when:
                return when.timestamp()
            case int() | float() as when:
                return float(when)
            case str() as when:
                return datetime.fromisoformat(when).timestamp()
    return datetime.now(UTC).timestamp()


@contextmanager
def _reached() -> Iterator[None]:
    """Converts the many kinds of storage errors into one."""
    try:
        yield
    except Exception as error:
        log.error("the photo store cannot be used", exc_info=error)
        raise StoreUnavailable("The photo store cannot be used just now.") from error
