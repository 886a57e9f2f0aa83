"""The client. What it asks and what answers mean is in asking.py; asynchronous.py is its twin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from fovea.client import asking
from fovea.client.asking import Ask, PhotoLike
from fovea.client.errors import Problem
from fovea.models.edits import Edit

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


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
        found: list[dict[str, Any]] = (
            self.send(Ask("GET", "/v1/models", {"search": search}))
        ).json()
        return found

    def analyse(self, photo: PhotoLike, model: str | None = None) -> Analysis:
        """What a network attends to on a photo, a path or a file's bytes."""
        return Analysis(self, (self.send(asking.analyse(photo, model))).json())

    def analysis(self, id: str) -> Analysis:
        """One that is kept."""
        return Analysis(self, (self.send(Ask("GET", f"/v1/analyses/{asking.part(id)}"))).json())

    def batch(self, photos: Sequence[PhotoLike], model: str | None = None) -> Batch:
        """Many photos by one call: a job, of which `wait` gives an entry for each."""
        if model is None:
            model = next((one["id"] for one in self.models() if one.get("default")), None)
        return Batch(self, (self.send(asking.batch(photos, model))).json())

    def send(self, ask: Ask) -> httpx.Response:
        """The answer to a request, asked again while the server is busy."""
        waited = 0.0
        while True:
            try:
                with ask.arguments() as given:
                    answer = self._http.request(ask.method, ask.path, **given)
            except httpx.TransportError as error:
                raise self._asking.unreachable(error) from error
            again = self._asking.wait_s(answer, waited)
            if again is None:
                return asking.checked(answer)
            time.sleep(again)
            waited += again


@dataclass(frozen=True)
class Analysis:
    """A photo as a network saw it. body: what the server told of it."""

    client: Client
    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """The likeliest classes: index, label, score."""
        return list(self.body["predictions"])

    @property
    def path(self) -> str:
        return f"/v1/analyses/{self.id}"

    def map(self, name: str, **options: Any) -> Array:
        """One of its maps, such as `relevance` with `target="cat"`; asked for when it is read."""
        return Array(self.client, f"{self.path}/maps/{asking.part(name)}", options)

    def site(self, id: str) -> Site:
        """A place in the network where something attends."""
        return Site(self.client, f"{self.path}/sites/{asking.part(id)}")

    def edit(self, *edits: Edit | Mapping[str, Any]) -> Analysis:
        """The photo as the network sees it with these edits (`off("s05", heads=[0])`)."""
        return Analysis(self.client, (self.client.send(asking.edit(self.path, edits))).json())

    def forget(self) -> None:
        """On the server, with its photo."""
        self.client.send(Ask("DELETE", self.path))


@dataclass(frozen=True)
class Site:
    """What can be asked of a site depends on its kind."""

    client: Client
    path: str

    def attention(self, query: Any = None, **options: Any) -> Array:
        """query: "cls", (row, column), "all" or a number; `direction=`, `head=`, `window=`."""
        return self.of("attention", query=query, **options)

    def gate(self) -> Array:
        """The weight of each channel, or the mask over places."""
        return self.of("gate")

    def features(self, channel: int) -> Array:
        """What a channel saw before its gate."""
        return self.of("features", channel=channel)

    def grid(self) -> Array:
        """Where a spatial transformer reads."""
        return self.of("grid")

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
        return asking.array_of(self.read(asking.NPY))

    def json(self) -> dict[str, Any]:
        """Values with their axes and a sentence that says what they are."""
        found: dict[str, Any] = (self.client.send(Ask("GET", self.path, self.options))).json()
        return found

    def png(self, **style: Any) -> bytes:
        """A picture's file: `render=`, `colormap=`, `opacity=`, `width=`."""
        return self.read(asking.PNG, **style)

    def overlay(self, **style: Any) -> Image.Image:
        """On the photo, for Pillow: `colormap=`, `opacity=`, `width=`."""
        return asking.picture_of(self.png(**{"render": "overlay", **style}))

    def read(self, media: str, **style: Any) -> bytes:
        """As any of the media types that it can be had as."""
        ask = Ask("GET", self.path, {**self.options, **style}, media)
        return (self.client.send(ask)).content


@dataclass(frozen=True)
class Seen:
    """A photo of a batch: one of `analysis` and `problem` is there once its turn was."""

    name: str
    analysis: str | None
    problem: Problem | None


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
        found: dict[str, Any] = (self.client.send(Ask("GET", f"/v1/jobs/{self.id}"))).json()
        return found

    def photos(self) -> list[Seen]:
        """What has become of each by now, in order."""
        body = (self.client.send(Ask("GET", f"/v1/batches/{self.id}"))).json()
        return [
            Seen(one["name"], one["analysis"], Problem(one["problem"]) if one["problem"] else None)
            for one in body["photos"]
        ]

    def wait(self, progress: Callable[[dict[str, Any]], None] | None = None) -> list[Seen]:
        """Until it has ended; progress: told how far it is, a few times a second."""
        while True:
            state = self.state()
            if progress is not None:
                progress(state)
            if state["state"] not in ("queued", "running"):
                return self.photos()
            time.sleep(asking.LOOK_EVERY_S)

    def cancel(self) -> None:
        """Nothing of it goes on; what was seen is kept."""
        self.client.send(Ask("DELETE", f"/v1/jobs/{self.id}"))
