"""Finding the places of a captured call: it is made again and followed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from fovea.models.places.follow import Followed, follow_call
from fovea.models.places.joined import without_joined
from fovea.models.places.layout import DRAWN, Layouts, Placement, layouts_of
from fovea.models.records import Site
from fovea.models.running.again import RepeatableCall, are_alike, count_of, photos_of, share_rows
from fovea.models.tracing.entry import Entry

_EACH = (
    "Its tokens are in an order that is drawn in the pass, or follows from the photo, and may be "
    "another for each photo of the batch: look at one of them, trace[i]."
)
_LATE = (
    "It ran in a method of the network, after another call in the same `with`: what that was given "
    "could not be read any more. Capture one such call at a time."
)
_NO_PHOTO = "The network was given no photo, so its tokens have no places; shown as a matrix."
_OTHER = "A second pass over the same photo came to other numbers; its places are not known."


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Temporarily in eval mode, so that an additional pass drops nothing."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def unknown(sites: Sequence[Site], note: str) -> Layouts:
    """No positions, for a reason."""
    return tuple(Placement(note=note) if site.attends else None for site in sites)


def _followed(
    module: nn.Module, entry: Entry, index: int, *, whole: bool, as_it_was: bool
) -> Followed:
    """Repeats the call and follows it: over one photo, or over all of them while following one.

    as_it_was: in train mode, if it ran in that.
    """
    again = RepeatableCall(module, entry, None if whole else index)
    with again.as_then(), nullcontext() if as_it_was else _evaluating(module):
        args, kwargs = again.given()
        with torch.inference_mode():
            return follow_call(module, again.call, args, kwargs, index if whole else 0)


def survey_call(
    module: nn.Module, entry: Entry | None, index: int | None, sites: Sequence[Site]
) -> Layouts:
    """The token positions of a call. sites: those of the call, for one photo; index: which photo,
    None for the whole batch, of which the first is used.

    The call is repeated for that photo and must reproduce its numbers. If it does not (random
    order, dropout), it is repeated exactly: all photos, same mode, same initial state.
    """
    photos = photos_of(entry)
    if entry is None:
        return ()
    if photos is None or not len(photos):
        return unknown(sites, _NO_PHOTO)
    several, which, together = count_of(entry) > 1, index or 0, share_rows(entry)
    try:
        found = _followed(module, entry, which, whole=together, as_it_was=False)
        if not found.drawn and are_alike(tuple(sites), _one_of(found, entry, which, together)):
            return _placed(found, module, entry, whole=together)
        if found.drawn and several and index is None:
            return unknown(found.trace.sites, _EACH)
    except Exception as error:  # the network may raise anything: keep its trace without positions
        if together or not several:
            return _failed(error)
    try:
        found = _followed(module, entry, which, whole=several, as_it_was=True)
    except Exception as error:  # it may also take no photo alone, and fail on all of them
        return _failed(error)
    alike = are_alike(tuple(sites), _one_of(found, entry, which, several))
    if alike:
        return _placed(found, module, entry, whole=several)
    return unknown(sites, DRAWN if found.drawn else _LATE if entry.late else _OTHER)


def _failed(error: Exception) -> Layouts:
    warnings.warn(f"places are not known: a second pass failed ({error})", stacklevel=3)
    return ()


def _placed(found: Followed, module: nn.Module, entry: Entry, *, whole: bool) -> Layouts:
    """The layouts of a followed pass, but where photos that went through together join."""
    layouts = layouts_of(found)
    if not whole or found.drawn:
        return layouts
    again = RepeatableCall(module, entry, None)
    with again.as_then(), _evaluating(module):
        return without_joined(layouts, module, again.call, *again.given())


def _one_of(found: Followed, entry: Entry, index: int, together: bool) -> tuple[Site, ...]:
    """The sites of one photo."""
    trace = found.trace
    return trace.split(count_of(entry))[index].sites if together else trace.sites


def that_fit(layouts: Layouts, sites: tuple[Site, ...], *, found: bool) -> Layouts:
    """`layouts`, or none if the pass that they came from had other sites.

    Raises ValueError if they are for another input size; if they were found for this very call
    (`found`) and do not match, positions are unknown.
    """
    if len(layouts) != len(sites):
        return unknown(sites, _OTHER) if found and layouts else ()
    for site, known in zip(sites, layouts, strict=True):
        cells = known and known.layout and known.layout.keys
        if cells and site.attends and cells.cells.shape[-1] != site.keys:
            if found:
                return unknown(sites, _OTHER)
            raise ValueError(
                f"these places are of another input size: {cells.cells.shape[-1]} keys at site "
                f"{site.id}, which has {site.keys}"
            )
    return layouts
