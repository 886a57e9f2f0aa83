"""The engine: from a photo's bytes or a sentence to a stored Analysis. It knows nothing of HTTP.

The event loop only waits: decoding and preprocessing use a thread pool, loading has its own pool,
and the device has inference threads. A cancelled caller's work is cancelled too, queued or running,
unless another caller waits for the same analysis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, Literal, TypeVar

import numpy as np

from fovea.models.capture.stream import Addition
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import LoadedModel
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.base import Probe
from fovea.models.records import Site
from fovea.models.running.tasks import GREEDY, Search, task_of
from fovea.models.tracing.operations import Workings
from fovea.server.engine import costs, editing, keeping, memory
from fovea.server.engine.admission import Place, Places
from fovea.server.engine.analysis import Analysis, analysis_id
from fovea.server.engine.budget import UPLOADS, Budget
from fovea.server.engine.conclude import conclude, learn_of, to_input
from fovea.server.engine.device import pick_device
from fovea.server.engine.downloads import Downloads
from fovea.server.engine.inference import Again, InferenceThreads
from fovea.server.engine.results import Results
from fovea.server.engine.shelf import Shelf
from fovea.server.engine.store import Store
from fovea.server.engine.threads import use_one_core
from fovea.server.engine.underway import Underway
from fovea.server.intake import imaging
from fovea.server.intake.given import Given, Text
from fovea.server.intake.imaging import Photo
from fovea.server.intake.text import given_to
from fovea.server.problems import MapNotPossible, NotReady, Problem, ShuttingDown, WrongInput
from fovea.server.settings import Settings
from fovea.server.storage.archive import Archive

log = logging.getLogger("fovea.engine")

GPU_BATCH = 8
WARM_UP_RETRY_S = 5.0
MAPS_KEPT = 64
"""Cached maps that took further passes, residual streams and positional encodings: a few to a few
hundred kilobytes each.
"""
LEARNED_KEPT = 1000
"""Cached facts about networks: names, reasons, and their position vectors."""
WORKINGS_KEPT = 4
"""Cached workings of sites (the tensors behind their steps): a few megabytes each."""
ANSWERS = 8
"""Answers in progress or waiting, for each slot of the queue: most take milliseconds."""
UPLOADS_WAITING = 64

T = TypeVar("T")


async def _nothing() -> None:
    pass


class Engine:
    """One per server. All methods are called on the event loop; create it with a running loop.

    warm_up: run the default network once before reporting ready, as a server does. archive: the
    persistent photo store, or None.
    """

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        warm_up: bool = True,
        archive: Archive | None = None,
    ) -> None:
        imaging.pin_pillow()
        self.settings = settings
        self.catalog = catalog
        self.archive = archive
        self.device = pick_device(settings.device)
        on_gpu = self.device.type != "cpu"
        # Larger batches gain nothing on a CPU, and alone a photo gets the same bits every time.
        max_batch = settings.max_batch or (GPU_BATCH if on_gpu else 1)
        self.store = Store(settings.trace_budget_bytes)
        self.results = Results(self.store, archive)
        self.shelf = Shelf(
            catalog, self.device, settings.model_budget_bytes, Downloads.of(settings)
        )
        self.inference = InferenceThreads(self.device, max_batch, settings.inference_threads)
        self.places = Places(settings.queue_size, self._wait_s)
        self.inference.coming = lambda: self.places.taken
        self.answers = Places(settings.queue_size * ANSWERS, self._wait_s)
        share = int(settings.work_budget_bytes * UPLOADS)
        self.uploads = Budget(share, UPLOADS_WAITING, wait_s=self._wait_s, newest_first=True)
        self.work = Budget(
            settings.work_budget_bytes - share, self.answers.count, wait_s=self._wait_s
        )
        self.not_ready: str | None = "The first network is being loaded."
        self._threads = ThreadPoolExecutor(
            settings.decode_threads, thread_name_prefix="decode", initializer=use_one_core
        )
        self.underway = Underway()
        self._maps: dict[str, Any] = {}
        self._learned: dict[str, Any] = {}
        self._workings: dict[str, Workings] = {}
        self._default = settings.default_model
        self._closing = False
        warming = self._keep_warming_up() if warm_up else _nothing()
        self._warm_up = asyncio.create_task(warming)
        self._tidying = asyncio.create_task(
            memory.keep_small(lambda: self.inference.passes + self.work.served)
        )

    async def analyse(
        self,
        sent: bytes | str,
        model: str | None,
        search: Search = GREEDY,
        on_read: Callable[[], None] = lambda: None,
    ) -> Analysis:
        """The analysis of a photo's bytes or of a sentence, from the store if it is there; raises a
        Problem.

        search: decoding options of a network that writes. on_read: called once the bytes are no
        longer needed.
        """
        async with AsyncExitStack() as stack:
            place = stack.enter_context(self.admission())
            started = perf_counter()
            read: Photo | str
            if isinstance(sent, str):
                read = sent
            else:
                most = self.settings.max_pixels
                cost = await self.in_thread(costs.decoding, sent, most, bool(self.archive))
                share = await stack.enter_async_context(self.work.hold(cost))
                read = await self.in_thread(imaging.decode, sent, most)
                encoding = costs.keeping(read.pixels.nbytes) if self.archive else 0
                share.keep(read.pixels.nbytes + encoding)
            reads: Literal["photo", "text"] = "text" if isinstance(sent, str) else "photo"
            del sent
            on_read()
            decode_ms = (perf_counter() - started) * 1000
            if model is None:
                model = await self.default_model(reads)
            loaded = await self.network(model, place)
            if isinstance(read, Photo):  # Nothing to be done: cutting into words is for sentences.
                given = given_to(loaded.spec, read)
            else:
                given = await self.in_thread(given_to, loaded.spec, read)
            key = analysis_id(given, loaded, self.settings.key, search)
            if kept := await self._here(key):
                return kept
            given = self.store.photo(given.digest) or given
            return await self.underway.once(
                key, lambda: self._make(key, given, loaded, decode_ms, search)
            )

    async def edited(self, base: Analysis, edits: tuple[Edit, ...]) -> Analysis:
        """The analysis of the same photo or sentence with these edits. base: the unedited analysis.

        Raises EditRefused, before any pass, for edits that are invalid for it.
        """
        await self.in_thread(editing.check, base, edits)
        key = editing.edited_id(base, edits)
        if kept := await self._here(key):
            return kept

        async def make() -> Analysis:
            with self.admission() as place:
                loaded = await self.network(base.model.id, place)
                found = await self.seen_edited(key, base, edits, loaded)
                found = await self._keep(found, base)
            self.store.put(found)
            return found

        return await self.underway.once(key, make)

    async def seen(
        self,
        key: str,
        given: Given,
        loaded: LoadedModel,
        search: Search,
        before_ms: Mapping[str, float],
    ) -> Analysis:
        """One uncached pass in the caller's slot of the queue."""
        started = perf_counter()
        inputs, geometry = await self.in_thread(to_input, given, loaded.spec)
        before = {**before_ms, "preprocess": (perf_counter() - started) * 1000}
        outcome = await asyncio.wrap_future(self.inference.submit(loaded, inputs, search))
        return await self.in_thread(conclude, key, given, loaded, geometry, outcome, before)

    async def seen_edited(
        self, key: str, base: Analysis, edits: tuple[Edit, ...], loaded: LoadedModel
    ) -> Analysis:
        """The same with edits that have been checked."""
        started = perf_counter()
        given = await self.in_thread(editing.with_hidden, base, edits) or base.text
        assert given is not None
        inputs, geometry = await self.in_thread(to_input, given, loaded.spec)
        before = {"preprocess": (perf_counter() - started) * 1000}
        notes: list[str] = []
        ask = editing.outcome_of(base, edits, notes)
        try:
            outcome = await asyncio.wrap_future(self.inference.submit_again(loaded, inputs, ask))
        except RefusedEdit as error:
            raise editing.refused(error) from error
        found = await self.in_thread(conclude, key, given, loaded, geometry, outcome, before)
        return replace(found, of=base.id, edits=edits, warnings=(*found.warnings, *notes))

    async def again(
        self, analysis: Analysis, key: str, ask: Again[T], *, of_network: bool = False
    ) -> T:
        """The result of further passes over an analysed photo, cached under its key.

        of_network: the result is the same for every photo. Raises MapNotPossible if the network
        does not support it.
        """
        of = f"{analysis.model.id}/{analysis.revision}" if of_network else analysis.serial
        # Facts about the network refer to the network without edits.
        ask = ask if of_network else editing.under(analysis, ask)
        return await self._kept(self._maps, MAPS_KEPT, f"{of}/{key}", analysis, ask)

    async def learned(self, analysis: Analysis) -> Mapping[Probe, Any]:
        """Facts about a network that take further passes; cached for the life of the server."""
        key = f"{analysis.model.id}/{analysis.revision}"
        look = partial(learn_of, analysis)
        return await self._kept(self._learned, LEARNED_KEPT, key, analysis, look)

    async def workings(self, analysis: Analysis, site: str, watch: Again[Workings]) -> Workings:
        """The tensors behind a site's steps, from one more pass; cached.

        Raises MapNotPossible if that pass does not reach the site.
        """
        key = f"{analysis.serial}/{site}/workings"
        watch = editing.under(analysis, watch)
        return await self._kept(self._workings, WORKINGS_KEPT, key, analysis, watch)

    async def stream(
        self, analysis: Analysis, site: Site, watch: Again[tuple[Addition, ...]]
    ) -> tuple[Addition, ...]:
        """Everything added to the tokens of a site along the network, from one more pass; cached.

        It is the same for all sites with the same number of tokens.
        """
        return await self.again(analysis, f"{site.queries} {site.prefix_tokens}/stream", watch)

    async def default_model(self, reads: Literal["photo", "text"] = "photo") -> str:
        """The model for requests that name none: the first bundled one that accepts this input.

        Files that appear in the weights or models folder do not change it.
        """
        if reads == "photo" and self._default is not None:
            return self._default
        listed = await asyncio.to_thread(self.catalog.listed)
        fitting = [
            spec for spec in listed if task_of(spec.task).reads == reads and spec.reason is None
        ]
        fitting.sort(key=lambda spec: spec.source != "bundled")
        first = fitting[0].id if fitting else None
        if first is None and reads == "text":
            raise WrongInput("No model here reads sentences.", hint="Send a photo.")
        if first is None:
            raise NotReady(
                "No model here can look at photos.",
                hint="Name a folder of weights with FOVEA_WEIGHTS_DIR.",
            )
        if reads == "photo":
            self._default = first
        return first

    async def close(self) -> None:
        """Finishes the running work, then ends the threads."""
        self._closing = True
        self._warm_up.cancel()
        self._tidying.cancel()
        self.shelf.jobs.close()
        await self.underway.ended(self.settings.shutdown_timeout_s)
        await asyncio.to_thread(self.inference.close)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.shelf.close()
        if self.archive is not None:
            self.archive.close()

    @property
    def admitted(self) -> int:
        """Photos and sentences that hold a slot of the queue."""
        return self.places.taken

    async def answering(self, make: Callable[[], Awaitable[T]]) -> T:
        """The result of `make`; the number of answers in progress or waiting is bounded."""
        with self.answers.one():
            return await make()

    def _wait_s(self) -> int:
        """When to come back, in whole seconds (Retry-After)."""
        return self.inference.wait_s

    def admission(self) -> AbstractContextManager[Place]:
        """Takes a queue slot for a photo or raises QueueFull, so the bound also covers decoding."""
        self._check_open()
        return self.places.one()

    def check_room(self) -> None:
        """Raises what `admission` would raise now: an upload is refused before its body is read."""
        self._check_open()
        self.places.check()

    def _check_open(self) -> None:
        if self._closing:
            raise ShuttingDown("The server is stopping.")

    async def network(self, model: str, place: Place) -> LoadedModel:
        """The network; while it loads or downloads, the slot is free for others."""
        if self.shelf.loaded(model) is not None:
            return await self.shelf.get(model)
        async with place.lent():
            return await self.shelf.get(model)

    async def _make(
        self, key: str, given: Given, loaded: LoadedModel, decode_ms: float, search: Search
    ) -> Analysis:
        found = await self.seen(key, given, loaded, search, {"decode": decode_ms})
        found = await self._keep(found, found, search)
        self.store.put(found)
        return found

    async def _here(self, key: str) -> Analysis | None:
        """The analysis if it is stored here and in the archive, where its age starts anew; another
        instance may have been told to delete it.
        """
        kept = self.store.find(key)
        if kept is not None and self.archive is not None and not await self.archive.refresh(key):
            self.store.forget(key)
            return None
        return kept

    async def _keep(self, found: Analysis, base: Analysis, search: Search = GREEDY) -> Analysis:
        """Stores the analysis, first in the archive; returns it as clients will see it."""
        if self.archive is None:
            return found
        return await keeping.keep(self.archive, found, base, search)

    async def _kept(
        self, kept: dict[str, T], most: int, key: str, analysis: Analysis, ask: Again[T]
    ) -> T:
        """The result of further passes over an analysed photo or sentence; run once while
        cached.
        """
        if key in kept:
            return kept[key]

        async def make() -> T:
            with self.admission() as place:
                loaded = await self.network(analysis.model.id, place)
                given = analysis.photo or analysis.text
                inputs, _ = await self.in_thread(to_input, given, loaded.spec)
                asked = self.inference.submit_again(loaded, inputs, ask)
                try:
                    found = await asyncio.wrap_future(asked)
                except NotPossible as error:
                    raise MapNotPossible(f"{analysis.model.id}: {error}.") from error
            kept[key] = found
            while len(kept) > most:
                kept.pop(next(iter(kept)))
            return found

        return await self.underway.once(key, make)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _keep_warming_up(self) -> None:
        """Proves readiness by running a grey photo, or a word, through the default network; retries
        on failure.
        """
        while self.not_ready is not None:
            try:
                loaded = await self.shelf.get(await self.default_model())
                blank: Given = Photo(np.full((64, 64, 3), 128, np.uint8), "", "", ())
                if task_of(loaded.spec.task).reads == "text":
                    blank = Text("", (loaded.spec.labels or ())[-1:])
                inputs, _ = await self.in_thread(to_input, blank, loaded.spec)
                outcome = await asyncio.wrap_future(self.inference.submit(loaded, inputs))
                await self.learned(conclude("", blank, loaded, None, outcome, {}))
                self.not_ready = None
            except Problem as problem:
                self.not_ready = problem.detail
                log.warning("not ready: %s", problem.detail)
                await asyncio.sleep(WARM_UP_RETRY_S)
            except Exception:  # whatever it is, it is logged and retried
                self.not_ready = "The first network does not work."
                log.exception("not ready")
                await asyncio.sleep(WARM_UP_RETRY_S)
