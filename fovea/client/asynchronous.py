"""The asyncio client: runs the talks of talks.py, awaiting each request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from fovea.client import asking, talks
from fovea.client.asking import Ask, PhotoLike
from fovea.client.talks import AnalysisParts, Pause, Seen, SiteParts, Talk
from fovea.models.edits import Edit

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

T = TypeVar("T")


class AsyncClient:
    """A Fovea server. url: its address, including a path prefix; token: FOVEA_TOKEN.

    A busy server is retried as it requests, for up to `patience_s` in total. Raises Problem if the
    server refuses a request, Unreachable if nothing answers.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = asking.TIMEOUT_S,
        patience_s: float = asking.PATIENCE_S,
    ) -> None:
        self._asking = asking.Asking(url, token, timeout_s, patience_s)
        self._http = httpx.AsyncClient(**self._asking.settings())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def models(self, search: str | None = None) -> list[dict[str, Any]]:
        """The catalogue; search: words that also search the hub's models."""
        return await self.run(talks.models(search))

    async def analyse(self, photo: PhotoLike, model: str | None = None) -> AsyncAnalysis:
        """Analyses a photo, given as a path or as a file's bytes, with a network."""
        return AsyncAnalysis(self, await self.run(talks.told(asking.analyse(photo, model))))

    async def analysis(self, id: str) -> AsyncAnalysis:
        """An existing analysis."""
        ask = Ask("GET", f"/v1/analyses/{asking.part(id)}")
        return AsyncAnalysis(self, await self.run(talks.told(ask)))

    async def batch(self, photos: Sequence[PhotoLike], model: str | None = None) -> AsyncBatch:
        """Sends many photos in one call: a job whose `wait` returns an entry for each."""
        return AsyncBatch(self, await self.run(talks.batch(photos, model)))

    async def run(self, talk: Talk[T]) -> T:
        """Runs a talk and returns its result."""
        talk = talks.patient(self._asking, talk)
        answer: httpx.Response | None = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration as done:
                found: T = done.value
                return found
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                answer = None
            else:
                answer = await self._request(step)

    async def _request(self, ask: Ask) -> httpx.Response:
        try:
            with ask.arguments() as given:
                return await self._http.request(ask.method, ask.path, **given)
        except httpx.TransportError as error:
            raise self._asking.unreachable(error) from error


@dataclass(frozen=True)
class AsyncAnalysis(AnalysisParts):
    """A photo analysed by a network. body: the server's description of it."""

    client: AsyncClient
    body: Mapping[str, Any]

    def map(self, name: str, **options: Any) -> AsyncArray:
        """One of its maps, such as `relevance` with `target="cat"`; requested when it is read."""
        return AsyncArray(self.client, self.of_map(name), options)

    def site(self, id: str) -> AsyncSite:
        """A place in the network where something attends."""
        return AsyncSite(self.client, self.of_site(id))

    async def edit(self, *edits: Edit | Mapping[str, Any]) -> AsyncAnalysis:
        """Analyses the photo again with these edits (`off("s05", heads=[0])`)."""
        return AsyncAnalysis(self.client, await self.client.run(self.editing(edits)))

    async def forget(self) -> None:
        """Deletes it and its photo on the server."""
        await self.client.run(talks.answer(Ask("DELETE", self.path)))


@dataclass(frozen=True)
class AsyncSite(SiteParts["AsyncArray"]):
    """A place in the network where something attends; its kind decides what it offers."""

    client: AsyncClient
    path: str

    def of(self, what: str, **options: Any) -> AsyncArray:
        """Another array of the site, by the last part of its address."""
        return AsyncArray(self.client, f"{self.path}/{what}", options)


@dataclass(frozen=True)
class AsyncArray:
    """A map, requested each time it is read."""

    client: AsyncClient
    path: str
    options: Mapping[str, Any]

    async def values(self) -> np.ndarray[Any, Any]:
        """The values as a numpy array."""
        return await self.client.run(talks.values(self.path, self.options))

    async def json(self) -> dict[str, Any]:
        """Values with their axes and a sentence that describes them."""
        found: dict[str, Any] = await self.client.run(
            talks.told(Ask("GET", self.path, self.options))
        )
        return found

    async def png(self, **style: Any) -> bytes:
        """An image file: `render=`, `colormap=`, `opacity=`, `width=`."""
        return await self.read(asking.PNG, **style)

    async def overlay(self, **style: Any) -> Image.Image:
        """On the photo, as a Pillow image: `colormap=`, `opacity=`, `width=`."""
        return await self.client.run(talks.overlay(self.path, {**self.options, **style}))

    async def read(self, media: str, **style: Any) -> bytes:
        """The raw bytes in any of its media types."""
        return await self.client.run(talks.read(self.path, {**self.options, **style}, media))


@dataclass(frozen=True)
class AsyncBatch:
    """A batch in progress. job: the server's initial description of the job."""

    client: AsyncClient
    job: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.job["id"])

    async def state(self) -> dict[str, Any]:
        """Its progress: `state`, `done`, `total`."""
        found: dict[str, Any] = await self.client.run(talks.told(Ask("GET", f"/v1/jobs/{self.id}")))
        return found

    async def photos(self) -> list[Seen]:
        """The current state of each photo, in order."""
        return await self.client.run(talks.photos(self.id))

    async def wait(self, progress: Callable[[dict[str, Any]], None] | None = None) -> list[Seen]:
        """Waits for the end; progress: called with the state a few times a second."""
        return await self.client.run(talks.wait(self.id, progress))

    async def cancel(self) -> None:
        """Stops the batch; finished analyses are kept."""
        await self.client.run(talks.answer(Ask("DELETE", f"/v1/jobs/{self.id}")))
