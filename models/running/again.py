"""Repeats a recorded call of a network: for one photo of its batch, or as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.kinds.attention.rows import rows
from fovea.models.places.given import photo_in, photos_in, tensors_in
from fovea.models.records import Attention, Site, Tensors
from fovea.models.tracing.entry import Entry, apart, as_then, with_tensors


def photos_of(entry: Entry | None) -> Tensor | None:
    """The photos (photo, channel, height, width) among a call's arguments, or their equivalent;
    None if there are none.
    """
    return None if entry is None else photo_in([entry.args, entry.kwargs])


def count_of(entry: Entry) -> int:
    """The batch size: how many photos went through the network together."""
    return photos_in([entry.args, entry.kwargs])


class RepeatableCall:
    """A call of a network, repeatable from the state in which it began."""

    def __init__(self, root: nn.Module, entry: Entry, index: int | None) -> None:
        """index: repeat for this photo of the batch only; None: for all, as they were given."""
        photos = photos_of(entry)
        assert photos is not None
        self.root, self.entry = root, entry
        called = root.get_submodule(entry.path)
        self.call = called if entry.method is None else getattr(called, entry.method)
        count = count_of(entry)
        alone = index is not None and count > 1
        self.photo = photos[index : index + 1] if alone and index is not None else photos

        def prepared(value: Tensor) -> Any:
            if value is photos:
                return self.photo
            mine = alone and value.ndim and value.shape[0] == count
            return value[index : index + 1] if mine and index is not None else value

        self._given = with_tensors([entry.args, entry.kwargs], prepared)

    @property
    def is_plain(self) -> bool:
        """Whether the network itself was called, with the photo and nothing else."""
        args, kwargs = self._given
        alone = len(args) == 1 and args[0] is self.photo and not kwargs
        return alone and not self.entry.path and self.entry.method is None

    def given(self, photo: Tensor | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Fresh copies of (args, kwargs); photo: replaces the one that was given."""
        if photo is None:
            args, kwargs = apart(self._given)
            return args, kwargs
        args, kwargs = with_tensors(
            self._given, lambda one: photo if one is self.photo else one.detach().clone()
        )
        return args, kwargs

    @contextmanager
    def as_then(self) -> Iterator[None]:
        """During the `with` the network is in the state in which it was called."""
        with as_then(self.root, self.entry):
            yield


def share_rows(entry: Entry) -> bool:
    """Whether another argument has as many rows as there are photos: it may belong to them, or be
    as many sentences for all of them.
    """
    photos, count = photos_of(entry), count_of(entry)
    if photos is None or count == 1:
        return False
    others = (one for one in tensors_in([entry.args, entry.kwargs]) if one is not photos)
    return any(other.ndim and other.shape[0] == count for other in others)


FAR = 0.05
"""Relative tolerance: above half-precision rounding, below the effect of another order."""


def are_alike(one: tuple[Site, ...], other: tuple[Site, ...]) -> bool:
    """Whether two passes have the same sites with equal numbers, up to rounding."""
    if len(one) != len(other):
        return False
    for mine, yours in zip(one, other, strict=True):
        a, b = _numbers(mine.tensors), _numbers(yours.tensors)
        if a.shape != b.shape and mine.attends and yours.attends:
            # One pass used a fused kernel and the other did not: torch takes two paths.
            a, b = _matrices(mine.attention), _matrices(yours.attention)
        if mine.kind != yours.kind or a.shape != b.shape:
            return False
        a, b = a.float().nan_to_num(), b.float().nan_to_num()
        if (a - b).norm() > FAR * a.norm() + 1e-6:
            return False
    return True


def _matrices(attention: Attention) -> Tensor:
    """(photo, head, query, key), from whatever was kept."""
    photos = range(attention.shape[0])
    parts = (attention.query, attention.key, attention.mask, attention.probabilities)

    def of(photo: int) -> Attention:
        one = [None if p is None else p[photo : photo + 1] if len(p) > 1 else p for p in parts]
        query, key, mask, shares = one
        return replace(attention, query=query, key=key, mask=mask, probabilities=shares)

    return torch.stack([rows(of(photo)) for photo in photos])


def _numbers(tensors: Tensors) -> Tensor:
    if isinstance(tensors, Attention):
        # A single query can still reveal the order of its keys.
        found = tensors.probabilities if tensors.probabilities is not None else tensors.key
        assert found is not None
        return found
    values = (getattr(tensors, name) for name in tensors.__dataclass_fields__)
    return next(value for value in values if isinstance(value, Tensor))
