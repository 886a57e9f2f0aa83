"""Capture for users' own code: the trace of a forward pass, with positions and class gradients.

    with capture(model) as trace:
        logits = model(photos)
    rollout(trace)
    relevance(trace.for_class(285))

`models/capture` takes the tensors; `Observation` adds what only the network itself can provide: the
positions of its tokens, found by one more pass over one photo when first needed, and the gradients
of a class, by one more pass with a graph.
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
from fovea.models.capture.recorder import unwrapped
from fovea.models.kinds.attention.kernels import Kernels
from fovea.models.places.layout import (
    DRAWN,
    Layouts,
    are_drawn,
    place,
)
from fovea.models.records import Site, Trace, Unseen
from fovea.models.running.again import RepeatableCall, count_of, photos_of, share_rows
from fovea.models.running.compiled import compiled_parts, is_script
from fovea.models.running.surveying import survey_call, that_fit, unknown
from fovea.models.tracing.editing import Plan, active
from fovea.models.tracing.editing import again as edited_again
from fovea.models.tracing.entry import Entry
from fovea.models.tracing.recording import Recording

Target = int | Callable[[Any], Tensor] | None
"""A class by its number, a function from the network's output to a scalar, or the top class."""


def _score_of(output: Any, target: Target, photo: int = 0) -> Tensor:
    """The scalar to differentiate, for one photo of the output."""
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
    index = int(logits[photo].argmax()) if target is None else target
    if not 0 <= index < classes:
        raise ValueError(f"class {index} does not exist; valid: 0 to {classes - 1}")
    return logits[photo, index]


@dataclass(eq=False, slots=True)
class _Pass:
    """Shared by the observations of one `capture`. edits: active when it was made, and in later
    passes too · layouts: known ones, by call and photo.
    """

    module: nn.Module
    recording: Recording
    places: bool
    given: Layouts | None
    edits: Plan | None = None
    running: bool = True
    layouts: list[tuple[Entry | None, int | None, Layouts]] = field(default_factory=list)
    placed: dict[int | None, tuple[Site, ...]] = field(default_factory=dict)

    @property
    def calls(self) -> Sequence[Entry | None]:
        return self.recording.calls

    def photos(self) -> int:
        calls = (call for call in self.calls if photos_of(call) is not None)
        return next((count_of(call) for call in calls if call is not None), 1)

    def layouts_of(
        self, call: Entry | None, index: int | None, sites: Sequence[Site] | None = None
    ) -> Layouts:
        """sites: of that call and that photo."""
        if not self.places:
            return ()
        if self.given is not None:
            drawn = are_drawn(self.given)
            return unknown(sites or self.sites(None), DRAWN) if drawn else self.given
        for known, photo, layouts in self.layouts:
            if known is call and (photo == index or not are_drawn(layouts)):
                return layouts
        if sites is None:
            all_calls = zip(self.of_photo(index).sites, self.calls, strict=True)
            sites = [site for site, of in all_calls if of is call]
        if index is None and call is not None and (count := count_of(call)) > 1:
            sites = Trace(tuple(sites)).split(count)[0].sites
        with edited_again(self.edits):
            layouts = survey_call(self.module, call, index, sites)
        self.layouts.append((call, index, layouts))
        return self.layouts[-1][2]

    def of_photo(self, index: int | None) -> Trace:
        trace = self.recording.trace
        return trace if index is None else trace.split(self.photos())[index]

    def sites(self, index: int | None) -> tuple[Site, ...]:
        trace = self.recording.trace
        if self.running:
            return trace.sites
        if index not in self.placed:
            self.placed[index] = self.place(self.of_photo(index).sites, index)
        return self.placed[index]

    def place(self, sites: tuple[Site, ...], index: int | None) -> tuple[Site, ...]:
        """The sites of each call with their positions."""
        placed: list[Site] = []
        start = 0
        for end in range(1, len(sites) + 1):
            if end == len(sites) or self.calls[end] is not self.calls[start]:
                run = sites[start:end]
                layouts = self.layouts_of(self.calls[start], index, run)
                fitting = that_fit(layouts, run, found=self.given is None)
                call = self.calls[start]
                photos = count_of(call) if index is None and call is not None else 1
                placed += place(Trace(run), fitting, photos).sites
                start = end
        return tuple(placed)


class Observation(Trace):
    """The trace of what ran inside a `capture`, with positions.

    During the `with` its sites are those seen so far, without positions. `trace[i]` is the trace of
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
    def unseen(self) -> tuple[Unseen, ...]:
        """Computations that resemble attention, a gate or a sampler but are not sites: module,
        source line, and reason.
        """
        return self._pass.recording.unseen

    @property
    def photos(self) -> int:
        """How many photos went through the network together."""
        return self._pass.photos() if self._index is None else 1

    @property
    def layouts(self) -> Layouts:
        """The token positions at this input size, for the next `capture(model, places=…)`."""
        calls = [call for call in self._pass.calls if call is not None]
        return self._pass.layouts_of(calls[0], self._index) if calls else ()

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

    @property
    def index(self) -> int:
        """Which photo of the batch this is the trace of."""
        return self._index or 0

    @property
    def network(self) -> nn.Module:
        """The network that was watched."""
        return self._pass.module

    @property
    def entry(self) -> Entry | None:
        """The first call that reached a site and received a photo, else the first that reached one;
        None if there was none.
        """
        calls = [call for call in self._pass.calls if call is not None]
        with_photo = (call for call in calls if photos_of(call) is not None)
        return next(with_photo, next(iter(calls), None))

    def for_class(self, target: Target = None) -> Trace:
        """The trace of one photo with the gradients of a class, which class maps need.

        target: the number of a class; a function from the network's output to the scalar to
        differentiate; or None for the class with the highest logit. The network runs once more,
        over the same photo with a graph; parameters get no gradient. Raises ValueError for an
        unknown class, an output that is not (photo, class), or a batch.
        """
        if self.photos > 1:
            raise ValueError(f"one photo at a time: trace[0].for_class(…) of {self.photos}")
        call = next((call for call in self._pass.calls if photos_of(call) is not None), None)
        if call is None:
            raise ValueError("the network was not called on a photo inside the `with`")
        index, count = self._index or 0, count_of(call)
        layouts = self._pass.layouts_of(call, self._index)
        # Arguments with as many rows may be sentences for each photo: run all photos together then.
        together = count > 1 and not callable(target) and (share_rows(call) or are_drawn(layouts))
        again = RepeatableCall(self._pass.module, call, None if together else index)
        with (
            edited_again(self._pass.edits),
            again.as_then(),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            photo = again.photo.detach().clone().requires_grad_()
            args, kwargs = again.given(photo)
            with record(self._pass.module, gradients=True) as recording:
                output = again.call(*args, **kwargs)
            trace = recording.differentiate(_score_of(output, target, index if together else 0))
        if together:
            trace = trace.split(count)[index]
        return place(trace, that_fit(layouts, trace.sites, found=True))

    def differentiate(self, target: Tensor) -> Trace:
        """The trace with the gradients of a scalar of the graph that ran inside the `with`.

        For callers that asked `capture` for gradients and have their own loss; one photo.
        """
        sites = self._pass.recording.differentiate(target).sites
        return Trace(self._pass.place(sites, self._index))

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
    kernels: Kernels | None = None,
) -> Iterator[Observation]:
    """Watches a network inside the `with`; yields its trace, from which all maps are computed
    afterwards.

    module: any network, unmodified; preferably in eval mode. It may be called as a whole, by one of
    its methods (`forward_features`, `encode_image`, `generate`), or in part; positions are followed
    from the outermost call that receives the photo. places: False omits positions; those of an
    earlier trace (`trace.layouts`) save the pass that finds them. features: keep the maps before
    each gate. gradients: keep the graph for `trace.differentiate`; class maps need only
    `trace.for_class`. kernels: attention operators unknown to Fovea, each with a function from its
    arguments to an `Attention`:

        capture(model, kernels={"mylib::attention": lambda q, k, v: Attention(q, k)})

    Similar computations that are not sites are listed in `trace.unseen`. A network compiled with
    `torch.compile` runs eagerly inside the `with`; other threads are not affected.
    """
    given = None if isinstance(places, bool) else places
    for name in compiled_parts(module):
        what = name or "the network"
        if is_script(module.get_submodule(name)):
            reason = "TorchScript does not pass through Python: what attends in there is not seen"
        else:
            reason = "it runs eagerly while it is watched, which may round differently"
        warnings.warn(f"{what} is compiled: {reason}", stacklevel=3)
    network = unwrapped(module)
    with record(
        network, features=features, gradients=gradients, kernels=kernels, entries=True
    ) as recording:
        made_by = _Pass(network, recording, places is not False, given, active())
        try:
            yield Observation(made_by)
        finally:
            made_by.running = False
