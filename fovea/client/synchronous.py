"""The blocking client: runs the talks of talks.py, one request at a time."""

from __future__ import annotations

import time
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


class Client:
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
        self._http = httpx.Client(**self._asking.settings())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def models(self, search: str | None = None) -> list[dict[str, Any]]:
        """The catalogue; search: words that also search the hub's models."""
        return self.run(talks.models(search))

    def analyse(self, photo: PhotoLike, model: str | None = None) -> Analysis:
        """Analyses a photo, given as a path or as a file's bytes, with a network."""
        return Analysis(self, self.run(talks.told(asking.analyse(photo, model))))

    def analysis(self, id: str) -> Analysis:
        """An existing analysis."""
        ask = Ask("GET", f"/v1/analyses/{asking.part(id)}")
        return Analysis(self, self.run(talks.told(ask)))

    def batch(self, photos: Sequence[PhotoLike], model: str | None = None) -> Batch:
        """Sends many photos in one call: a job whose `wait` returns an entry for each."""
        return Batch(self, self.run(talks.batch(photos, model)))

    def run(self, talk: Talk[T]) -> T:
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
                time.sleep(step.seconds)
                answer = None
            else:
                answer = self._request(step)

    def _request(self, ask: Ask) -> httpx.Response:
        try:
            with ask.arguments() as given:
                return self._http.request(ask.method, ask.path, **given)
        except httpx.TransportError as error:
            raise self._asking.unreachable(error) from error


@dataclass(frozen=True)
class Analysis(AnalysisParts):
    """A photo analysed by a network. body: the server's description of it."""

    client: Client
    body: Mapping[str, Any]

    def map(self, name: str, **options: Any) -> Array:
        """One of its maps, such as `relevance` with `target="cat"`; requested when it is read."""
        return Array(self.client, self.of_map(name), options)

    def site(self, id: str) -> Site:
        """A place in the network where something attends."""
        return Site(self.client, self.of_site(id))

    def edit(self, *edits: Edit | Mapping[str, Any]) -> Analysis:
        """Analyses the photo again with these edits (`off("s05", heads=[0])`)."""
        return Analysis(self.client, self.client.run(self.editing(edits)))

    def forget(self) -> None:
        """Deletes it and its photo on the server."""
        self.client.run(talks.answer(Ask("DELETE", self.path)))


@dataclass(frozen=True)
class Site(SiteParts["Array"]):
    """A place in the network where something attends; its kind decides what it offers."""

    client: Client
    path: str

    def of(self, what: str, **options: Any) -> Array:
        """Another array of the site, by the last part of its address."""
        return Array(self.client, f"{self.path}/{what}", options)


@dataclass(frozen=True)
class Array:
    """A map, requested each time it is read."""

    client: Client
    path: str
    options: Mapping[str, Any]

    def values(self) -> np.ndarray[Any, Any]:
        """The values as a numpy array."""
        return self.client.run(talks.values(self.path, self.options))

    def json(self) -> dict[str, Any]:
        """Values with their axes and a sentence that describes them."""
        found: dict[str, Any] = self.client.run(talks.told(Ask("GET", self.path, self.options)))
        return found

    def png(self, **style: Any) -> bytes:
        """An image file: `render=`, `colormap=`, `opacity=`, `width=`."""
        return self.read(asking.PNG, **style)

    def overlay(self, **style: Any) -> Image.Image:
        """On the photo, as a Pillow image: `colormap=`, `opacity=`, `width=`."""
        return self.client.run(talks.overlay(self.path, {**self.options, **style}))

    def read(self, media: str, **style: Any) -> bytes:
        """The raw bytes in any of its media types."""
        return self.client.run(talks.read(self.path, {**self.options, **style}, media))


@dataclass(frozen=True)
class Batch:
    """A batch in progress. job: the server's initial description of the job."""

    client: Client
    job: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.job["id"])

    def state(self) -> dict[str, Any]:
        """Its progress: `state`, `done`, `total`."""
        found: dict[str, Any] = self.client.run(talks.told(Ask("GET", f"/v1/jobs/{self.id}")))
        return found

    def photos(self) -> list[Seen]:
        """The current state of each photo, in order."""
        return self.client.run(talks.photos(self.id))

    def wait(self, progress: Callable[[dict[str, Any]], None] | None = None) -> list[Seen]:
        """Waits for the end; progress: called with the state a few times a second."""
        return self.client.run(talks.wait(self.id, progress))

    def cancel(self) -> None:
        """Stops the batch; finished analyses are kept."""
        self.client.run(talks.answer(Ask("DELETE", f"/v1/jobs/{self.id}")))
