"""What a client asks, one thing after the other, without doing it: generators of requests.

A talk yields an Ask, and is sent the answer, or a Pause; what it returns is what the caller wants.
synchronous.py and asynchronous.py only carry talks out.
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
    """To be waited for, in seconds."""

    seconds: float


Talk = Generator[Ask | Pause, httpx.Response | None, T]


def patient(how: Asking, talk: Talk[T]) -> Talk[T]:
    """The same talk, each request of it asked again while the server is busy. Raises Problem."""
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
    """What comes back."""
    found = yield ask
    assert found is not None
    return found


def told(ask: Ask) -> Talk[Any]:
    """The JSON that comes back."""
    return (yield from answer(ask)).json()


# The server -------------------------------------------------------------------------------------


def models(search: str | None) -> Talk[list[dict[str, Any]]]:
    """The catalogue."""
    return (yield from told(Ask("GET", "/v1/models", {"search": search})))  # type: ignore[no-any-return]


def batch(photos: Sequence[PhotoLike], model: str | None) -> Talk[Mapping[str, Any]]:
    """The job of many photos. The default model is named, so that the server begins at once."""
    if model is None:
        listed = yield from models(None)
        model = next((one["id"] for one in listed if one.get("default")), None)
    return (yield from told(asking.batch(photos, model)))  # type: ignore[no-any-return]


# Arrays -----------------------------------------------------------------------------------------


def read(path: str, options: Mapping[str, Any], media: str) -> Talk[bytes]:
    """An array as one of its media types."""
    return (yield from answer(Ask("GET", path, options, media))).content


def values(path: str, options: Mapping[str, Any]) -> Talk[np.ndarray[Any, Any]]:
    """Its numbers."""
    return asking.array_of((yield from read(path, options, asking.NPY)))


def overlay(path: str, options: Mapping[str, Any]) -> Talk[Image.Image]:
    """Drawn on the photo."""
    content = yield from read(path, {"render": "overlay", **options}, asking.PNG)
    return asking.picture_of(content)


# Batches ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A photo of a batch: one of `analysis` and `problem` is there once its turn was."""

    name: str
    analysis: str | None
    problem: Problem | None


def photos(batch: str) -> Talk[list[Seen]]:
    """What has become of each by now."""
    body = yield from told(Ask("GET", f"/v1/batches/{batch}"))
    return [
        Seen(one["name"], one["analysis"], Problem(one["problem"]) if one["problem"] else None)
        for one in body["photos"]
    ]


def wait(batch: str, progress: Callable[[dict[str, Any]], None] | None) -> Talk[list[Seen]]:
    """Until it has ended."""
    while True:
        state = yield from told(Ask("GET", f"/v1/jobs/{batch}"))
        if progress is not None:
            progress(state)
        if state["state"] not in ("queued", "running"):
            return (yield from photos(batch))
        yield Pause(asking.LOOK_EVERY_S)


# What both clients' results have in common ------------------------------------------------------


class AnalysisParts:
    """What is known of an analysis without asking. body: what the server told of it."""

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

    def of_map(self, name: str) -> str:
        """The address of a map."""
        return f"{self.path}/maps/{asking.part(name)}"

    def of_site(self, id: str) -> str:
        """The address of a site."""
        return f"{self.path}/sites/{asking.part(id)}"

    def editing(self, edits: Sequence[Edit | Mapping[str, Any]]) -> Talk[Mapping[str, Any]]:
        """What is told of the photo with these edits."""
        return told(asking.edit(self.path, edits))


class SiteParts(Generic[A]):
    """What can be asked of a site depends on its kind."""

    def attention(self, query: Any = None, **options: Any) -> A:
        """query: "cls", (row, column), "all" or a number; `direction=`, `head=`, `window=`."""
        return self.of("attention", query=query, **options)

    def gate(self) -> A:
        """The weight of each channel, or the mask over places."""
        return self.of("gate")

    def features(self, channel: int) -> A:
        """What a channel saw before its gate."""
        return self.of("features", channel=channel)

    def grid(self) -> A:
        """Where a spatial transformer reads."""
        return self.of("grid")

    def of(self, what: str, **options: Any) -> A:
        """Another array of the site, by the last part of its address."""
        raise NotImplementedError
