"""Sequences of requests as generators, independent of how they are sent.

A talk yields an Ask, and receives the answer, or a Pause; its return value is the caller's result.
synchronous.py and asynchronous.py only run talks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

from fovea.client import asking
from fovea.client.asking import Ask, Asking, PhotoLike
from fovea.client.errors import Problem
from fovea.models.edits import Edit

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Pause:
    """A delay, in seconds."""

    seconds: float


Talk = Generator[Ask | Pause, httpx.Response | None, T]


def patient(how: Asking, talk: Talk[T]) -> Talk[T]:
    """The same talk with retries while the server is busy. Raises Problem."""
    try:
        step = next(talk)
        while True:
            if isinstance(step, Pause):
                yield step
                step = talk.send(None)
            else:
                step = talk.send((yield from _asked(how, step)))
    except StopIteration as done:
        found: T = done.value
        return found


def _asked(how: Asking, ask: Ask) -> Talk[httpx.Response]:
    waited = 0.0
    while True:
        answer = yield ask
        assert answer is not None
        again = how.wait_s(answer, waited)
        if again is None:
            return asking.checked(answer)
        yield Pause(again)
        waited += again


def answer(ask: Ask) -> Talk[httpx.Response]:
    """The response to a single request."""
    found = yield ask
    assert found is not None
    return found


def told(ask: Ask) -> Talk[Any]:
    """The JSON of a response."""
    return (yield from answer(ask)).json()


# The server ---------------------------------------------------------------------------------------


def models(search: str | None) -> Talk[list[dict[str, Any]]]:
    """The catalogue."""
    return (yield from told(Ask("GET", "/v1/models", {"search": search})))  # type: ignore[no-any-return]


def batch(photos: Sequence[PhotoLike], model: str | None) -> Talk[Mapping[str, Any]]:
    """Starts a batch job. The default model is named, so that the server can begin at once."""
    if model is None:
        listed = yield from models(None)
        model = next((one["id"] for one in listed if one.get("default")), None)
    return (yield from told(asking.batch(photos, model)))  # type: ignore[no-any-return]


# Arrays -----------------------------------------------------------------------------------------


def read(path: str, options: Mapping[str, Any], media: str) -> Talk[bytes]:
    """An array in one of its media types."""
    return (yield from answer(Ask("GET", path, options, media))).content


def values(path: str, options: Mapping[str, Any]) -> Talk[np.ndarray[Any, Any]]:
    """The values of an array."""
    return asking.array_of((yield from read(path, options, asking.NPY)))


def overlay(path: str, options: Mapping[str, Any]) -> Talk[Image.Image]:
    """An array drawn on the photo."""
    content = yield from read(path, {"render": "overlay", **options}, asking.PNG)
    return asking.picture_of(content)


# Batches ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A photo of a batch: either `analysis` or `problem` is set once it is done."""

    name: str
    analysis: str | None
    problem: Problem | None


def photos(batch: str) -> Talk[list[Seen]]:
    """The current state of each photo."""
    body = yield from told(Ask("GET", f"/v1/batches/{batch}"))
    return [
        Seen(one["name"], one["analysis"], Problem(one["problem"]) if one["problem"] else None)
        for one in body["photos"]
    ]


def wait(batch: str, progress: Callable[[dict[str, Any]], None] | None) -> Talk[list[Seen]]:
    """Waits until the batch has ended."""
    while True:
        state = yield from told(Ask("GET", f"/v1/jobs/{batch}"))
        if progress is not None:
            progress(state)
        if state["state"] not in ("queued", "running"):
            return (yield from photos(batch))
        yield Pause(asking.LOOK_EVERY_S)


# Results of both clients --------------------------------------------------------------------------


class AnalysisParts:
    """What is known of an analysis without a request. body: the server's description of it."""

    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """The most probable classes: index, label, score."""
        return list(self.body["predictions"])

    @property
    def path(self) -> str:
        return f"/v1/analyses/{self.id}"

    def of_map(self, name: str) -> str:
        """The address of a map."""
        return f"{self.path}/maps/{asking.part(name)}"

    def of_site(self, id: str) -> str:
        """The address of a site."""
        return f"{self.path}/sites/{asking.part(id)}"

    def editing(self, edits: Sequence[Edit | Mapping[str, Any]]) -> Talk[Mapping[str, Any]]:
        """The talk that edits the photo's analysis."""
        return told(asking.edit(self.path, edits))


class SiteParts(Generic[A]):
    """A site; its kind decides what it offers."""

    def attention(self, query: Any = None, **options: Any) -> A:
        """query: "cls", (row, column), "all" or a number; `direction=`, `head=`, `window=`."""
        return self.of("attention", query=query, **options)

    def gate(self) -> A:
        """The weight of each channel, or the mask over positions."""
        return self.of("gate")

    def features(self, channel: int) -> A:
        """One channel of the feature map before the gate."""
        return self.of("features", channel=channel)

    def grid(self) -> A:
        """The sampling grid of a spatial transformer."""
        return self.of("grid")

    def of(self, what: str, **options: Any) -> A:
        """Another array of the site, by the last part of its address."""
        raise NotImplementedError
