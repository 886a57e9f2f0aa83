"""Follows cells of the photo through a network, so that tokens can be located.

Beside each tensor of one forward pass runs a shadow of the same shape: the grid cell over the
network's input that every entry stands for (`models/places/rules.py`). A convolution over the whole
picture makes a new grid; views, permutations, windows, rolls, padding and concatenation act on the
shadow as they act on the tensor; a linear layer or a product keeps the cell of each row. When
attention is found, the shadows of its query and key tell where its tokens are: no list of
architectures is needed, and what cannot be followed is unknown rather than wrong.

This doubles the cost of a pass, so it is done once for a network and an input size, not for every
photo.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fovea.models.capture.recorder import capture
from fovea.models.grids import Cells
from fovea.models.kinds.attention.fused import folded_heads_of
from fovea.models.places import functions, rules
from fovea.models.places.given import (
    may_be_frames_first,
    photo_in,
    photos_in,
    shadow_of,
    tensors_in,
)
from fovea.models.places.shadows import LOST, NOWHERE, Lost, Shadow, nowhere
from fovea.models.places.sliding import PICTURES, slide_of
from fovea.models.places.tokens import TokenPlaces, seen_at
from fovea.models.records import Trace
from fovea.models.tracing.entry import RandomState
from fovea.models.tracing.recording import Recording
from fovea.models.tracing.tensors import is_wrapped
from fovea.models.tracing.torch_paths import inside

__all__ = ["NOWHERE", "follow"]


def _dimensions(input: Tensor, dim: Any = None, keepdim: Any = False, *_: Any, **__: Any) -> Any:
    """(dim, keepdim) of a reduction, with the parameters of the torch functions."""
    return dim, bool(keepdim)


class Follow(TorchFunctionMode):
    """Keeps a shadow beside every tensor that it can follow, and reads the shadows at each site.

    drawn: whether a token order depends on random numbers or on the photo itself, so that it
    differs in other passes.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording
        self.seen: dict[int, TokenPlaces] = {}
        self.drawn = False
        self.photos, self.index = 1, 0
        self._shadows: dict[int, tuple[weakref.ref[Tensor], Shadow]] = {}
        self._photo: Tensor | None = None
        self._chances: dict[int, weakref.ref[Tensor]] = {}

    def given(self, tensors: Sequence[Tensor], photo: Tensor | None, shadow: Shadow = None) -> None:
        """Creates the shadows of the network's arguments. shadow: of the photo."""
        for one in tensors:
            # Other image-like inputs have positions, but not the photo's.
            if one is photo:
                self._photo = one
                self.cast(one, shadow or LOST)
            elif one.ndim > 3 and one.is_floating_point():
                self.cast(one, Lost("they are of another picture", elsewhere=True))
            elif one.ndim > 2 and one.is_floating_point():
                self.cast(one, Lost("they are of an input that is no photo", elsewhere=True))

    def by_chance(self, tensor: object) -> bool:
        """Whether a tensor's values are random, or are token indices computed from the photo."""
        known = self._chances.get(id(tensor))
        return known is not None and known() is tensor

    def _note_chance(
        self, func: Any, args: Any, kwargs: Any, within: list[Shadow], result: Any
    ) -> None:
        given = list(tensors_in([args, list(kwargs.values())]))
        chances = [self.by_chance(one) for one in given]
        if func in functions.ORDERS and any(chances[1:] if func in functions.MOVES else chances):
            self.drawn |= any(isinstance(shadow, Cells) for shadow in within)
        if any(chances) and func in functions.READINGS:
            self.drawn = True
        if func in functions.CONSTANTS and func not in functions.RANDOM:
            return
        for one in tensors_in(result):
            numbers = not one.is_floating_point()
            # Index tensors that depend on the photo: a ranking, or a thresholded mask.
            of_photo = numbers and any(
                shadow is not None and tensor.is_floating_point()
                for tensor, shadow in zip(given, within, strict=True)
            )
            noise = any(chances) and (numbers or not any(map(self.shadow, given)))
            if func in functions.RANDOM or of_photo or noise:
                self._mark(one)

    def _mark(self, tensor: Tensor) -> None:
        key = id(tensor)
        gone = weakref.ref(tensor, lambda _: self._chances.pop(key, None))
        self._chances[key] = gone

    def shadow(self, tensor: object) -> Shadow:
        entry = self._shadows.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            return entry[1]
        photo = self._photo
        if photo is None or tensor is photo or not isinstance(tensor, Tensor):
            return None
        # The photo as a tensor subclass: it is created without a function call.
        alike = tensor.shape == photo.shape and tensor.is_floating_point()
        if alike and not is_wrapped(tensor) and tensor.data_ptr() == photo.data_ptr():
            return self.shadow(photo)
        return None

    def cast(self, tensor: Tensor, shadow: Shadow) -> None:
        """Gives a tensor a shadow, expanded to its shape."""
        key = id(tensor)
        if shadow is None:
            self._shadows.pop(key, None)
            return
        if isinstance(shadow, Cells):
            try:
                shadow = Cells(shadow.cells.expand(tensor.shape), shadow.grid)
            except RuntimeError:
                shadow = LOST
        gone = weakref.ref(tensor, lambda _: self._shadows.pop(key, None))
        self._shadows[key] = gone, shadow

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with folded_heads_of(self.recording, *args, **kwargs), inside(), self:
                return func(*args, **kwargs)
        found = len(self.recording.trace.sites)
        # Read before the call, which may write in place.
        before = [self.shadow(argument) for argument in args]
        within = [self.shadow(one) for one in tensors_in([args, list(kwargs.values())])]
        result = func(*args, **kwargs)
        if len(self.recording.trace.sites) > found:
            self._note_layout(found, func, args, kwargs)
        shadowed = any(shadow is not None for shadow in within)
        if self._chances or func in functions.RANDOM or shadowed:
            self._note_chance(func, args, kwargs, within, result)
        if shadowed:
            self._follow(func, args, kwargs, before, within, result)
        return result

    def _follow(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        before: list[Shadow],
        within: list[Shadow],
        result: Any,
    ) -> None:
        # A call that moves the tensor but not its shadow (a view of bytes, for example) loses the
        # positions, but the tensor still derives from the photo.
        try:
            after = self._after(func, args, kwargs, before, within, result)
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError):
            after = LOST
        if after is LOST:
            known = (one for one in within if isinstance(one, Lost) and one.why)
            name = getattr(func, "__name__", "").strip("_")
            after = next(known, Lost(f"the network goes through {name}, which mixes them"))
        results = list(tensors_in(args[0] if func is Tensor.__setitem__ else result))
        several = after if isinstance(after, list) else [after] * len(results)
        for tensor, shadow in zip(results, several, strict=True):
            numbers = tensor.is_floating_point() or tensor.is_complex()
            if numbers or isinstance(shadow, Cells):
                self.cast(tensor, shadow)

    def _after(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        before: list[Shadow],
        within: list[Shadow],
        result: Any,
    ) -> Shadow | list[Shadow]:
        """The shadow of the result, or of each tensor in it."""
        first = before[0] if before else None
        if func in functions.CONSTANTS:
            return None
        if func in functions.COPIES:
            return first
        if func in functions.MOVES:
            return self._moved(func, args, kwargs, first, result)
        if func is Tensor.__setitem__:
            return rules.of_writing(first, args[0], args[1], self.shadow(args[2]))
        if func in (torch.cat, torch.concat, torch.stack):
            parts = args[0] if args else kwargs["tensors"]
            named = {name: value for name, value in kwargs.items() if name == "dim"}
            return rules.of_join(func, parts, [self.shadow(p) for p in parts], args[1:], named)
        if func in functions.MASKED_SCATTERS:
            target, mask, source = (*args, *kwargs.values())[:3]
            pair = [self.shadow(target), self.shadow(source)]
            return rules.of_scattering(target, mask, source, pair)
        if func in functions.WHERE and len(args) == 3:
            condition, one, other = args if func is torch.where else (args[1], args[0], args[2])
            return rules.of_choice(condition, one, other, [self.shadow(one), self.shadow(other)])
        if func in functions.SCATTERS or not isinstance(result, Tensor):
            return LOST
        if func in PICTURES and result.ndim in (4, 5):
            return rules.of_picture(first, result.shape, slide_of(func, args, kwargs))
        if func in (F.conv1d, torch.conv1d) and result.ndim == 3:
            return rules.of_sequence(first, result.shape)
        if func is F.pad:
            return rules.of_padding(first, args[1] if len(args) > 1 else kwargs["pad"])
        if func is F.unfold:
            return rules.of_patches(func, first, args[1:], kwargs)
        if func is F.fold:
            return rules.of_fold(first, result.shape)
        if func is F.linear:
            return rules.of_linear(first)
        if func in (F.embedding, torch.embedding, F.one_hot) and isinstance(first, Cells):
            return Cells(first.cells.unsqueeze(-1), first.grid)
        if func in functions.PRODUCTS:
            return rules.of_product(before[0], before[1], result.shape)
        if func is torch.einsum:
            ranks = [argument.ndim for argument in args[1:]]
            return rules.of_einsum(args[0], ranks, before[1:])
        if func is F.scaled_dot_product_attention:
            return self._attended(before, within, result)
        if func in functions.REDUCTIONS:
            return rules.of_reduction(first, args[0], *_dimensions(*args, **kwargs))
        if args and args[0] is result and isinstance(first, Cells) and not nowhere(first.cells):
            return first  # in place
        return rules.of_rows(within, result)

    def _attended(self, before: list[Shadow], within: list[Shadow], result: Tensor) -> Shadow:
        """The output has the queries' positions, or none if those are not of the photo."""
        queries = within[0]
        if queries is None:
            known = [shadow for shadow in within if isinstance(shadow, Cells)]
            if not known:
                return LOST
            return Cells(torch.full((1,) * result.ndim, NOWHERE).int(), known[0].grid)
        return rules.of_linear(queries)

    def _moved(
        self, func: Any, args: tuple[Any, ...], kwargs: Any, shadow: Shadow, result: Any
    ) -> Shadow | list[Shadow]:
        if not isinstance(shadow, Cells):
            return shadow
        args, kwargs = _on_cpu(args), _on_cpu(kwargs)
        # What is a single view of the tensor may not be one of its shadow, which is not copied with
        # it.
        move = Tensor.reshape if func is Tensor.view else func
        moved = move(shadow.cells, *args[1:], **kwargs)
        return [Cells(cells, shadow.grid) for cells in tensors_in(moved)]

    # --- sites ----------------------------------------------------------------------------------

    def _note_layout(self, index: int, func: Any, args: tuple[Any, ...], kwargs: Any) -> None:
        site = self.recording.trace.sites[index]
        if site.attends:
            photo = (self.index, self.photos)
            seen = seen_at(self.shadow, self.recording.origins, func, args, kwargs, photo)
            keys = None if seen is None else seen.layout.keys
            # A kernel with tokens on another axis is not followed.
            if seen is not None and (keys is None or keys.cells.shape[-1] == site.keys):
                self.seen[index] = seen


def _on_cpu(value: Any) -> Any:
    """Index tensors on the CPU, where the shadows are."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {name: _on_cpu(part) for name, part in value.items()}
    return type(value)(map(_on_cpu, value)) if type(value) in (tuple, list) else value


PASSES = 3
"""Python's and NumPy's random numbers belong to the process, and another thread may draw some
during the pass. A network that draws does so in every pass; so it counts only if all passes moved
them.
"""

Watch = TypeVar("Watch", bound=Follow)


@dataclass(frozen=True, slots=True)
class Followed:
    """A followed pass: the trace, the token positions of every site, the network's output, and
    whether another pass would have another order.
    """

    recording: Recording
    seen: tuple[TokenPlaces | None, ...]
    output: Any
    drawn: bool

    @property
    def trace(self) -> Trace:
        return self.recording.trace


def follow(
    module: nn.Module, *inputs: Any, **named: Any
) -> tuple[Trace, tuple[TokenPlaces | None, ...]]:
    """The trace of a forward pass over one photo, with the token positions of every site.

    inputs, named: the module's arguments. The first four-dimensional tensor among them is the
    photo, (1, channel, height, width), on any device (`models/places/given.py` finds other
    formats); its values do not matter.
    """
    photo = photo_in([inputs, named])
    if photo is not None and photo.ndim > 3 and photos_in([inputs, named]) != 1:
        raise ValueError(f"places are followed for one photo, not {photo.shape[0]}")
    with torch.inference_mode():
        found = follow_call(module, module, inputs, named)
    return found.trace, found.seen


def follow_call(
    module: nn.Module,
    call: Callable[..., Any],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
    index: int = 0,
    **options: Any,
) -> Followed:
    """A followed pass: `call` is the module, a part of it or one of its methods.

    index: which photo of a batch is followed. options: of `capture`.
    """
    given = [inputs, named]
    photo = photo_in(given)
    orders = (False,) if photo is None else may_be_frames_first(photo)
    found = None
    for frames_first in orders:
        shadow = None
        if photo is not None:
            shadow = shadow_of(photo, given, module, frames_first=frames_first)
        before = RandomState.now()
        for number in range(1, PASSES + 1):
            with capture(module, **options) as recording:
                followed = Follow(recording)
                followed.photos, followed.index = photos_in(given), index
                with followed:
                    followed.given(list(tensors_in(given)), photo, shadow)
                    output = call(*inputs, **named)
            moved = before.moved_outside_torch()
            if not moved:
                break
            if number < PASSES:
                before.set()  # the same pass again
        followed.drawn |= moved
        sites = recording.trace.sites
        seen = tuple(followed.seen.get(at) for at in range(len(sites)))
        found = Followed(recording, seen, output, followed.drawn)
        if any(one is not None and one.layout.keys is not None for one in seen):
            break
    assert found is not None
    return found


def follow_with(
    watch: Callable[[Recording], Watch],
    module: nn.Module,
    call: Callable[..., Any],
    inputs: Sequence[Any],
    named: Mapping[str, Any],
) -> Watch:
    """A call, as for `follow_call`, followed by the result of `watch`, which is returned."""
    given = [inputs, named]
    photo = photo_in(given)
    shadow = None
    if photo is not None:
        first = may_be_frames_first(photo)[0]
        shadow = shadow_of(photo, given, module, frames_first=first)
    with torch.inference_mode(), capture(module) as recording:
        followed = watch(recording)
        with followed:
            followed.given(list(tensors_in(given)), photo, shadow)
            call(*inputs, **named)
    return followed
