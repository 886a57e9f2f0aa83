"""Capture for a person's own code: the trace of a forward pass, with its places, and for a class.

    with capture(model) as trace:
        logits = model(photos)
    rollout(trace)
    relevance(trace.for_class(285))

`models/capture` takes the tensors; `Observation` adds what a map needs besides and only the network
itself can tell: where its tokens are, found by one more pass of one photo when they are first asked
for, and the gradients of a class, by one more pass with a graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture import capture as record
from fovea.models.places.layout import Layouts, place, survey
from fovea.models.records import Site, Trace
from fovea.models.running.again import Again, picture_of
from fovea.models.running.compiled import compiled_parts
from fovea.models.tracing.call_stack import Call
from fovea.models.tracing.recording import Recording

Target = int | Callable[[Any], Tensor] | None
"""A class by its number, a function from the network's output to a scalar, or the top class."""


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """In eval mode for a while, so that a second pass moves no running mean and drops nothing."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _survey(module: nn.Module, call: Call | None) -> Layouts:
    """Where the tokens of a call are; nothing is known of a part that was called alone."""
    picture = None if call is None else picture_of(call)
    if call is None or picture is None or not len(picture):
        return ()
    again = Again(module, call, 0)
    try:
        with _evaluating(module):
            return survey(again, again.photo)
    except Exception as error:  # Whatever a network may raise: its trace is kept, without places.
        warnings.warn(f"places are not known: a second pass failed ({error})", stacklevel=2)
        return ()


def _that_fit(layouts: Layouts, sites: tuple[Site, ...]) -> Layouts:
    """`layouts`, or none where the pass that they are from came by other sites.

    Raises ValueError where they are of another input size.
    """
    if len(layouts) != len(sites):
        return ()
    for site, known in zip(sites, layouts, strict=True):
        cells = known and known.layout and known.layout.keys
        if cells and site.attends and cells.cells.shape[-1] != site.keys:
            raise ValueError(
                f"these places are of another input size: {cells.cells.shape[-1]} keys at site "
                f"{site.id}, which has {site.keys}"
            )
    return layouts


def _score_of(output: Any, target: Target) -> Tensor:
    """The scalar to differentiate."""
    if callable(target):
        score = target(output)
        if score.numel() != 1:
            raise ValueError(f"a target is one number, not {tuple(score.shape)}")
        return score.reshape(())
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError(
            "the output is not (photo, class): name the number to differentiate by a function, "
            "for example trace.for_class(lambda output: output.logits[0, 5].sum())"
        )
    classes = logits.shape[1]
    index = int(logits[0].argmax()) if target is None else target
    if not 0 <= index < classes:
        raise ValueError(f"class {index} does not exist; valid: 0 to {classes - 1}")
    return logits[0, index]


@dataclass(eq=False, slots=True)
class _Pass:
    """What the observations of one `capture` share. layouts: by call, those that are known."""

    module: nn.Module
    recording: Recording
    places: bool
    given: Layouts | None
    running: bool = True
    layouts: list[tuple[Call | None, Layouts]] = field(default_factory=list)
    placed: dict[int | None, tuple[Site, ...]] = field(default_factory=dict)

    @property
    def calls(self) -> Sequence[Call | None]:
        return self.recording.calls

    def photos(self) -> int:
        pictures = (picture_of(call) for call in self.calls if call is not None)
        return next((len(picture) for picture in pictures if picture is not None), 1)

    def layouts_of(self, call: Call | None) -> Layouts:
        if not self.places:
            return ()
        if self.given is not None:
            return self.given
        for known, layouts in self.layouts:
            if known is call:
                return layouts
        self.layouts.append((call, _survey(self.module, call)))
        return self.layouts[-1][1]

    def sites(self, index: int | None) -> tuple[Site, ...]:
        trace = self.recording.trace
        if self.running:
            return trace.sites
        if index not in self.placed:
            if index is None:
                self.placed[None] = self.place(trace.sites)
            else:
                for number, part in enumerate(trace.split(self.photos())):
                    self.placed[number] = self.place(part.sites)
        return self.placed[index]

    def place(self, sites: tuple[Site, ...]) -> tuple[Site, ...]:
        """The sites of each call with the places that were found for it."""
        placed: list[Site] = []
        start = 0
        for end in range(1, len(sites) + 1):
            if end == len(sites) or self.calls[end] is not self.calls[start]:
                layouts = self.layouts_of(self.calls[start])
                run = sites[start:end]
                placed += place(Trace(run), _that_fit(layouts, run)).sites
                start = end
        return tuple(placed)


class Observation(Trace):
    """The trace of what ran inside a `capture`, with places.

    During the `with` its sites are those seen so far, without places. `trace[i]` is the trace of
    one photo of a batch.
    """

    __slots__ = ("_index", "_pass")

    _pass: _Pass
    _index: int | None

    def __init__(self, made_by: _Pass, index: int | None = None) -> None:
        # Trace is frozen; this is its constructor.
        object.__setattr__(self, "_pass", made_by)
        object.__setattr__(self, "_index", index)

    @property
    def sites(self) -> tuple[Site, ...]:
        return self._pass.sites(self._index)

    @property
    def photos(self) -> int:
        """How many photos went through the network together."""
        return self._pass.photos() if self._index is None else 1

    @property
    def layouts(self) -> Layouts:
        """Where the tokens are at this input size, for the next `capture(model, places=…)`."""
        calls = [call for call in self._pass.calls if call is not None]
        return self._pass.layouts_of(calls[0]) if calls else ()

    def __len__(self) -> int:
        return self.photos

    def __getitem__(self, index: int) -> Observation:
        if not -self.photos <= index < self.photos:
            raise IndexError(f"photo {index} does not exist; there are {self.photos}")
        if self._index is not None or self.photos == 1:
            return self
        return Observation(self._pass, index % self.photos)

    def __iter__(self) -> Iterator[Observation]:
        return (self[index] for index in range(self.photos))

    def split(self, photos: int) -> tuple[Trace, ...]:
        if photos == self.photos:
            return tuple(Trace(part.sites) for part in self)
        return super().split(photos)

    def for_class(self, target: Target = None) -> Trace:
        """The trace of one photo with the gradients of a class, which the maps for a class read.

        target: the number of a class; a function from the network's output to the scalar that is
        differentiated; or None for the class with the highest logit. The network runs once more,
        over the same photo with a graph; parameters get no gradient. Raises ValueError for a class
        that does not exist, an output that is not (photo, class), or a batch.
        """
        if self.photos > 1:
            raise ValueError(f"one photo at a time: trace[0].for_class(…) of {self.photos}")
        call = next((call for call in self._pass.calls if call is not None), None)
        if call is None or picture_of(call) is None:
            raise ValueError("the network was not called on a photo inside the `with`")
        again = Again(self._pass.module, call, self._index or 0)
        with torch.inference_mode(False), torch.enable_grad():
            photo = again.photo.detach().clone().requires_grad_()
            with record(again.network, gradients=True) as recording:
                output = again(photo)
            trace = recording.differentiate(_score_of(output, target))
        return place(trace, self._pass.layouts_of(call))

    def differentiate(self, target: Tensor) -> Trace:
        """The trace with the gradients of a scalar of the graph that ran inside the `with`.

        For those who asked `capture` for gradients and have a loss of their own; one photo.
        """
        return Trace(self._pass.place(self._pass.recording.differentiate(target).sites))

    def __repr__(self) -> str:
        kinds = [site.kind for site in self.sites]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        return f"<trace of {self.photos} photo{'s' * (self.photos != 1)}: {counted or 'no sites'}>"


@contextmanager
def capture(
    module: nn.Module,
    *,
    places: bool | Layouts = True,
    features: bool = False,
    gradients: bool = False,
) -> Iterator[Observation]:
    """Watch a network inside the `with`; what is yielded is its trace, for all maps, afterwards.

    module: any network, unmodified; best in eval mode, and called as a whole on (photo, channel,
    height, width), for what is called in parts has no places. places: False leaves them out; those
    of an earlier trace (`trace.layouts`) save the pass that finds them. features: keep the maps
    before each gate. gradients: keep the graph for `trace.differentiate`; maps for a class need
    only `trace.for_class`.
    """
    given = None if isinstance(places, bool) else places
    for name in compiled_parts(module):
        warnings.warn(
            f"{name or 'the network'} is compiled: what attends in there is not seen; "
            "watch it before it is compiled",
            stacklevel=3,
        )
    with record(module, features=features, gradients=gradients) as recording:
        made_by = _Pass(module, recording, places is not False, given)
        try:
            yield Observation(made_by)
        finally:
            made_by.running = False
