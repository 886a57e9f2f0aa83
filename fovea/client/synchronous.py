"""The client: it carries out talks.py, a request at a time."""

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
    """A Fovea server. url: its address, with its prefix where it has one; token: FOVEA_TOKEN.

    A busy server is asked again when it says so, for `patience_s` in all. Raises Problem for what
    the server refuses, Unreachable where nothing answers.
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
        """Ends its connections."""
        self._http.close()

    def models(self, search: str | None = None) -> list[dict[str, Any]]:
        """The catalogue; search: words, with which the hub's models are listed too."""
        return self.run(talks.models(search))

    def analyse(self, photo: PhotoLike, model: str | None = None) -> Analysis:
        """What a network attends to on a photo, a path or a file's bytes."""
        return Analysis(self, self.run(talks.told(asking.analyse(photo, model))))

    def analysis(self, id: str) -> Analysis:
        """One that is kept."""
        ask = Ask("GET", f"/v1/analyses/{asking.part(id)}")
        return Analysis(self, self.run(talks.told(ask)))

    def batch(self, photos: Sequence[PhotoLike], model: str | None = None) -> Batch:
        """Many photos by one call: a job, of which `wait` gives an entry for each."""
        return Batch(self, self.run(talks.batch(photos, model)))

    def run(self, talk: Talk[T]) -> T:
        """What a talk comes to."""
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
    """A photo as a network saw it. body: what the server told of it."""

    client: Client
    body: Mapping[str, Any]

    def map(self, name: str, **options: Any) -> Array:
        """One of its maps, such as `relevance` with `target="cat"`; asked for when it is read."""
        return Array(self.client, self.of_map(name), options)

    def site(self, id: str) -> Site:
        """A place in the network where something attends."""
        return Site(self.client, self.of_site(id))

    def edit(self, *edits: Edit | Mapping[str, Any]) -> Analysis:
        """The photo as the network sees it with these edits (`off("s05", heads=[0])`)."""
        return Analysis(self.client, self.client.run(self.editing(edits)))

    def forget(self) -> None:
        """On the server, with its photo."""
        self.client.run(talks.answer(Ask("DELETE", self.path)))


@dataclass(frozen=True)
class Site(SiteParts["Array"]):
    """What can be asked of a site depends on its kind."""

    client: Client
    path: str

    def of(self, what: str, **options: Any) -> Array:
        """Another array of the site, by the last part of its address."""
        return Array(self.client, f"{self.path}/{what}", options)


@dataclass(frozen=True)
class Array:
    """A map, asked for each time that it is read."""

    client: Client
    path: str
    options: Mapping[str, Any]

    def values(self) -> np.ndarray[Any, Any]:
        """The numbers."""
        return self.client.run(talks.values(self.path, self.options))

    def json(self) -> dict[str, Any]:
        """Values with their axes and a sentence that says what they are."""
        found: dict[str, Any] = self.client.run(talks.told(Ask("GET", self.path, self.options)))
        return found

    def png(self, **style: Any) -> bytes:
        """A picture's file: `render=`, `colormap=`, `opacity=`, `width=`."""
        return self.read(asking.PNG, **style)

    def overlay(self, **style: Any) -> Image.Image:
        """On the photo, for Pillow: `colormap=`, `opacity=`, `width=`."""
        return self.client.run(talks.overlay(self.path, {**self.options, **style}))

    def read(self, media: str, **style: Any) -> bytes:
        """As any of the media types that it can be had as."""
        return self.client.run(talks.read(self.path, {**self.options, **style}, media))


@dataclass(frozen=True)
class Batch:
    """Many photos in work. job: what the server told of it at first."""

    client: Client
    job: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.job["id"])

    def state(self) -> dict[str, Any]:
        """How far it is: `state`, `done`, `total`."""
        found: dict[str, Any] = self.client.run(talks.told(Ask("GET", f"/v1/jobs/{self.id}")))
        return found

    def photos(self) -> list[Seen]:
        """What has become of each by now, in order."""
        return self.client.run(talks.photos(self.id))

    def wait(self, progress: Callable[[dict[str, Any]], None] | None = None) -> list[Seen]:
        """Until it has ended; progress: told how far it is, a few times a second."""
        return self.client.run(talks.wait(self.id, progress))

    def cancel(self) -> None:
        """Nothing of it goes on; what was seen is kept."""
        self.client.run(talks.answer(Ask("DELETE", f"/v1/jobs/{self.id}")))
