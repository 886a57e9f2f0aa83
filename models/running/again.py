"""A call that a network got, made again with one photo of its batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from fovea.models.tracing.call_stack import Call


def _is_picture(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and value.is_floating_point()


def picture_of(call: Call) -> Tensor | None:
    """The photos (photo, channel, height, width) among the arguments of a call."""
    given = (*call.args, *call.kwargs.values())
    picture: Tensor | None = next(filter(_is_picture, given), None)
    return picture


def _one_photo(value: Any, index: int, photos: int) -> Any:
    """The share of one photo in an argument: of tensors with a row a photo, that row."""
    if isinstance(value, Tensor):
        return value[index : index + 1] if value.ndim and value.shape[0] == photos else value
    if isinstance(value, Mapping):
        return {name: _one_photo(part, index, photos) for name, part in value.items()}
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(_one_photo(part, index, photos) for part in value)
    return value


class Again(nn.Module):
    """The same call of a network as a network of one argument: the picture of one photo."""

    def __init__(self, module: nn.Module, call: Call, index: int) -> None:
        super().__init__()
        picture = picture_of(call)
        assert picture is not None
        photos = picture.shape[0]
        self.network = module
        self.photo = picture[index : index + 1]
        self._slot = object()  # stands for the picture among the arguments

        def prepared(value: Any) -> Any:
            return self._slot if value is picture else _one_photo(value, index, photos)

        self._args = tuple(map(prepared, call.args))
        self._kwargs = {name: prepared(value) for name, value in call.kwargs.items()}

    def forward(self, photo: Tensor) -> Any:
        """Whatever the network returns."""
        args = (photo if value is self._slot else value for value in self._args)
        kwargs = {n: photo if value is self._slot else value for n, value in self._kwargs.items()}
        return self.network(*args, **kwargs)
