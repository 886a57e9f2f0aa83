"""Photos and what was asked of them, kept where a restart and other instances find them.

    photos/<name>/photo.png        the upright photo, lossless; a keyed digest of its pixels
    photos/<name>/of/<analysis>    empty: an analysis that needs it
    analyses/<id>/record.json      records.py
    analyses/<id>/results/<name>   what a sweep or a measurement found
    analyses/<id>/makers/<name>    empty: a keyed digest of the key of who may have it forgotten
    jobs/<id>/…                    engine/job_store.py
    README                         tells the store from a folder that is not mounted
    secret                         what ids are keyed with, where no setting says so

Every file is written once and by itself, so that instances which share a store need no lock. Used
from the event loop; files are read and written by threads of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import time
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from pydantic import SecretStr

from fovea.server.intake.imaging import Photo, digest_of
from fovea.server.problems import StoreUnavailable
from fovea.server.settings import Settings
from fovea.server.storage.files import Files, ListedFile
from fovea.server.storage.records import Record

log = logging.getLogger("fovea.storage")

T = TypeVar("T")

MEMORY = "memory"
MARK = "README"
THREADS = 8
PATIENCE_S = 30.0
"""Time limit of a file operation; after that the store counts as unavailable."""
SWEEP_EVERY_S = 300.0
JOBS_KEPT_S = 24 * 3600.0
"""How long a job's files are kept after its end or its last update."""
COMPRESSION = 1
"""PNG compression level: twice as fast as the default 6, for a tenth more bytes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """nbytes: total of all photos; keep_s: lifetime of a photo that is not sent again."""

    nbytes: int
    keep_s: float | None


class Archive:
    """The photo store. key: names are derived with it, so that they do not identify a photo."""

    def __init__(self, files: Files, key: bytes, bounds: Bounds) -> None:
        self.files, self._key, self.bounds = files, key, bounds
        self.dropped = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def find(self, analysis: str) -> Record | None:
        """The record of an analysis; None if it never existed or was deleted."""
        if not is_name(analysis):
            return None
        data = await self.run(self._read_record, analysis)
        if data is None:
            return None
        try:
            return Record.from_json(data)
        except ValueError:
            log.warning("the record of analysis %s cannot be read", analysis)
            return None

    async def known(self, analysis: str) -> bool:
        """Whether it has a record."""
        return await self.run(self._has_record, analysis)

    async def refresh(self, analysis: str) -> bool:
        """Whether it has a record; restarts its photo's lifetime."""
        record = await self.find(analysis)
        if record is None:
            return False
        if record.photo is not None:
            await self.run(self.files.write, f"photos/{record.photo}/of/{analysis}", b"")
        await self.run(self.files.write, f"analyses/{analysis}/record.json", record.to_json())
        return True

    async def keep(self, record: Record, photo: Photo | None) -> None:
        """Writes the photo before the record, so that every record has its photo."""
        await self.run(self._keep, record, photo)

    async def photo_file(self, record: Record) -> bytes | None:
        """The photo's file, for `photo_of`; None if it was dropped for space or age."""
        return await self.run(self.files.read, f"photos/{record.photo}/photo.png")

    def name_of(self, photo: Photo) -> str:
        """The photo's name: a keyed digest of its pixels."""
        return self._keyed(photo.digest)

    async def keep_result(self, analysis: str, path: str, data: bytes) -> None:
        """Stores a result of an analysis under its address."""
        await self.run(self.files.write, self._result(analysis, path), data)

    async def result(self, analysis: str, path: str) -> bytes | None:
        """The stored bytes."""
        return await self.run(self.files.read, self._result(analysis, path))

    async def sign(self, analysis: str, maker: str) -> None:
        """Records that a client, known by a key, made it."""
        await self.run(self.files.write, self._signature(analysis, maker), b"")

    async def signed(self, analysis: str, maker: str) -> bool:
        """Whether that client made it."""
        return await self.run(self.files.exists, self._signature(analysis, maker))

    async def forget(self, analysis: str, maker: str | None = None) -> bool:
        """Deletes an analysis, and its photo unless others need it; for one maker, only if there
        are no other makers. Returns whether it is gone.
        """
        return await self.run(self._forget, analysis, maker)

    async def sweep(self) -> None:
        """Drops expired photos and sentences, and the oldest photos beyond the byte limit."""
        await self.run(self._sweep, patience_s=None)

    async def keep_sweeping(self) -> None:
        """Sweeps forever; retries if the store does not answer."""
        while True:
            with suppress(StoreUnavailable):  # files.py has logged it
                await self.sweep()
            await asyncio.sleep(SWEEP_EVERY_S)

    async def run(
        self, function: Callable[..., T], *arguments: Any, patience_s: float | None = PATIENCE_S
    ) -> T:
        """Runs in a thread of the store; raises StoreUnavailable on a timeout."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience_s):
                return await loop.run_in_executor(self._threads, function, *arguments)
        except TimeoutError:
            raise StoreUnavailable("The photo store does not answer.") from None

    def _read_record(self, analysis: str) -> bytes | None:
        data = self.files.read(f"analyses/{analysis}/record.json")
        if data is None:
            self._check_there()
        return data

    def _has_record(self, analysis: str) -> bool:
        if self.files.exists(f"analyses/{analysis}/record.json"):
            return True
        self._check_there()
        return False

    def _keep(self, record: Record, photo: Photo | None) -> None:
        if photo is not None and record.photo is not None:
            self._keep_photo(record, photo)
        self.files.write(f"analyses/{record.id}/record.json", record.to_json())

    def _check_there(self) -> None:
        """An unmounted folder must not be taken for an empty one."""
        if not self.files.exists(MARK):
            raise StoreUnavailable("The photo store is not where it was.")

    def _keep_photo(self, record: Record, photo: Photo) -> None:
        here = f"photos/{record.photo}"
        self.files.write(f"{here}/of/{record.id}", b"")
        if not self.files.exists(f"{here}/photo.png"):
            self.files.write(f"{here}/photo.png", _png(photo))

    def _forget(self, analysis: str, maker: str | None) -> bool:
        files = self.files
        if maker is not None:
            files.delete(self._signature(analysis, maker))
            if files.listed(f"analyses/{analysis}/makers"):
                return False
        data = files.read(f"analyses/{analysis}/record.json")
        files.delete(f"analyses/{analysis}")
        try:
            photo = None if data is None else Record.from_json(data).photo
        except ValueError:
            photo = None
        if photo is not None:
            files.delete(f"photos/{photo}/of/{analysis}")
            if not files.listed(f"photos/{photo}/of"):
                files.delete(f"photos/{photo}")
        return True

    def _sweep(self) -> None:
        photos: dict[str, list[ListedFile]] = defaultdict(list)
        for found in self.files.listed("photos"):
            photos[found.name.split("/")[1]].append(found)
        ages = {name: max(one.modified for one in some) for name, some in photos.items()}
        total = sum(one.nbytes for some in photos.values() for one in some)
        now = time()
        for name in sorted(ages, key=ages.__getitem__):
            if not (self._too_old(ages[name], now) or total > self.bounds.nbytes):
                break
            total -= sum(photo.nbytes for photo in photos[name])
            for one in photos[name]:
                _, _, analysis = one.name.partition("/of/")
                if analysis:
                    self.files.delete(f"analyses/{analysis}")
            self.files.delete(f"photos/{name}")
            self.dropped += 1
        for found in self.files.listed("analyses"):
            if found.name.endswith("/record.json") and self._too_old(found.modified, now):
                self.files.delete(found.name.removesuffix("/record.json"))
        for found in self.files.listed("jobs"):
            if found.name.endswith("/job.json") and now - found.modified > JOBS_KEPT_S:
                self.files.delete(found.name.removesuffix("/job.json"))

    def _too_old(self, modified: float, now: float) -> bool:
        return self.bounds.keep_s is not None and now - modified > self.bounds.keep_s

    def _result(self, analysis: str, path: str) -> str:
        return f"analyses/{analysis}/results/{self._keyed(path)}"

    def _signature(self, analysis: str, maker: str) -> str:
        return f"analyses/{analysis}/makers/{self._keyed(maker)}"

    def _keyed(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._key).hexdigest()


def open_archive(settings: Settings) -> tuple[Archive | None, Settings]:
    """The store that the settings name, None for memory; and the settings, completed with the
    secret kept in the store if they have none. Raises SettingsError if it is unusable.
    """
    if settings.photo_store == MEMORY:
        return None, settings
    files = Files(settings.photo_store)
    files.check()
    files.write(MARK, b"The photo store of Fovea servers: docs/hosting.md.\n")
    if settings.secret is None:
        # The first instance writes it; all read what was written first.
        files.create("secret", secrets.token_hex(32).encode())
        kept = files.read("secret") or b""
        settings = settings.model_copy(update={"secret": SecretStr(kept.decode())})
    bounds = Bounds(settings.photo_store_bytes, settings.keep_s)
    return Archive(files, settings.key, bounds), settings


def is_name(text: str) -> bool:
    """Whether it can be an analysis id; nothing else from a client reaches the file system."""
    return 0 < len(text) <= 64 and text.isalnum() and text.isascii()


def _png(photo: Photo) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo.pixels).save(buffer, "PNG", compress_level=COMPRESSION)
    return buffer.getvalue()


def photo_of(record: Record, data: bytes) -> Photo | None:
    """The photo as analysed, from its file; None if the pixels do not match."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            pixels = np.array(image)
    except (OSError, SyntaxError, ValueError):
        pixels = np.zeros((0, 0, 3), np.uint8)
    if digest_of(pixels) != record.digest:
        log.warning("the photo of analysis %s is damaged in the store", record.id)
        return None
    return Photo(pixels, record.digest, record.format, record.warnings)
