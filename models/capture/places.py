"""Where tokens come from: cells of the photo followed through every view, window and merge.

Beside each tensor of one forward pass runs a shadow of its shape: which cell of a grid over the
network's input every entry stands for. A convolution over the whole picture makes a new grid;
views, permutations, windows, rolls, padding and concatenation act on the shadow as they act on the
tensor; a linear layer or a product keeps the cell of each row. When attention is found, the shadows
of its query and key say where its tokens are: no list of architectures is needed, and what cannot
be followed is unknown rather than wrong.

This doubles the work of a pass, so it is done once for a network and an input size, not per photo.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.capture.attention import attention_body, folded_heads_of
from models.capture.recorder import Recording, capture
from models.records import Cells, Layout, PatchGrid, Trace

NOWHERE = -1
"""The cell of class, distillation and register tokens and of padding."""

Shadow = Cells
"""cells: int32 of the tensor's shape; grid: what they count."""


def _named(owners: tuple[Any, ...], names: str) -> set[Callable[..., Any]]:
    return {getattr(owner, n) for n in names.split() for owner in owners if hasattr(owner, n)}


_TENSORS = (Tensor, torch)

_MOVES = _named(
    _TENSORS,
    "view reshape flatten unflatten transpose permute swapaxes swapdims squeeze unsqueeze expand"
    " contiguous clone movedim moveaxis roll flip chunk split tensor_split unbind narrow select"
    " index_select gather take_along_dim __getitem__ unfold repeat tile rot90 t",
) | {Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
"""What moves entries without changing them: done to the shadow just the same."""

_PICTURES = {F.conv2d, F.avg_pool2d, F.max_pool2d, F.interpolate, torch.conv2d} | _named(
    (F, torch), "adaptive_avg_pool2d lp_pool2d"
)
"""What makes a new picture of a whole one: its cells are a new grid."""

_SCATTERS = _named(
    _TENSORS, "scatter scatter_ scatter_add scatter_add_ index_put index_put_ index_copy index_add"
)
"""What puts rows where no view explains: their cells are forgotten."""

_PRODUCTS = _named(_TENSORS, "matmul bmm __matmul__")


def _constant(cells: Tensor, axis: int) -> bool:
    return bool((cells == cells.narrow(axis, 0, 1)).all())


class _Follow(TorchFunctionMode):
    """Keeps a shadow beside every tensor that it can, and reads them where a site is found."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording
        self.layouts: dict[int, Layout] = {}
        self._shadows: dict[int, tuple[weakref.ref[Tensor], Shadow]] = {}

    def shadow(self, tensor: object) -> Shadow | None:
        entry = self._shadows.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def cast(self, tensor: Tensor, cells: Tensor, grid: PatchGrid) -> None:
        """Give a tensor a shadow, expanded to its shape."""
        key = id(tensor)
        entry = Shadow(cells.expand(tensor.shape), grid)
        self._shadows[key] = (weakref.ref(tensor, lambda _: self._shadows.pop(key, None)), entry)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with folded_heads_of(self.recording, *args, **kwargs), self:
                return attention_body(*args, **kwargs)
        found = len(self.recording.trace.sites)
        # Read before the call: it may write in place.
        before = [self.shadow(argument) for argument in args]
        result = func(*args, **kwargs)
        if len(self.recording.trace.sites) > found:
            self._note_layout(found, func, args)
        # A call that moves the tensor but not its shadow (a view of bytes, say) loses the places;
        # it must not lose the photo.
        with contextlib.suppress(RuntimeError, TypeError, ValueError, IndexError):
            self._follow(func, args, kwargs, before, result)
        return result

    # --- shadows --------------------------------------------------------------------------------

    def _follow(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        before: list[Shadow | None],
        result: Any,
    ) -> None:
        if func in _MOVES:
            if before and before[0] is not None:
                self._move(func, args, kwargs, before[0], result)
        elif func in (torch.cat, torch.concat, torch.stack):
            self._join(func, args, kwargs, result)
        elif not isinstance(result, Tensor):
            return
        elif func in _PICTURES and result.ndim == 4:
            self._picture(before[0], result)
        elif func is F.pad and before[0] is not None:
            widths = args[1] if len(args) > 1 else kwargs["pad"]
            padded = F.pad(before[0].cells, tuple(widths), value=NOWHERE)
            self.cast(result, padded, before[0].grid)
        elif func is F.unfold and before[0] is not None:
            # im2col knows no integers; doubles hold every cell number exactly, shifted off zero.
            shifted = func(before[0].cells.double() + 1, *args[1:], **kwargs)
            self.cast(result, (shifted - 1).int(), before[0].grid)
        elif func in _PRODUCTS:
            self._product(before, result)
        elif func is F.linear:
            if before[0] is not None:  # mixes the features of a row, which may be of several cells
                self.cast(result, before[0].cells[..., :1], before[0].grid)
        elif func not in _SCATTERS:
            self._same_rows(before, args, result)

    def _new_picture(self, result: Tensor) -> None:
        rows, columns = result.shape[2:]
        cells = torch.arange(rows * columns, dtype=torch.int32).view(1, 1, rows, columns)
        self.cast(result, cells, PatchGrid(rows, columns))

    def _picture(self, shadow: Shadow | None, result: Tensor) -> None:
        """The whole picture is counted anew; one of many windows keeps every n-th of its cells."""
        if result.shape[0] == 1:
            self._new_picture(result)
        elif shadow is not None and shadow.cells.shape[0] == result.shape[0]:
            down, across = (
                max(1, old // new)
                for old, new in zip(shadow.cells.shape[2:], result.shape[2:], strict=True)
            )
            cells = shadow.cells[:, :1, ::down, ::across]
            if cells.shape[2:] == result.shape[2:]:
                self.cast(result, cells, shadow.grid)

    def _move(
        self, func: Any, args: tuple[Any, ...], kwargs: Any, shadow: Shadow, result: Any
    ) -> None:
        moved = func(shadow.cells, *args[1:], **kwargs)
        for tensor, cells in zip(
            *((one,) if isinstance(one, Tensor) else one for one in (result, moved)), strict=True
        ):
            self.cast(tensor, cells, shadow.grid)

    def _join(self, func: Any, args: tuple[Any, ...], kwargs: Any, result: Tensor) -> None:
        parts = args[0] if args else kwargs["tensors"]
        shadows = [self.shadow(part) for part in parts]
        grids = {shadow.grid for shadow in shadows if shadow is not None}
        if len(grids) != 1:
            return
        cells = [
            torch.full(part.shape, NOWHERE, dtype=torch.int32) if shadow is None else shadow.cells
            for part, shadow in zip(parts, shadows, strict=True)
        ]
        rest = {name: value for name, value in kwargs.items() if name == "dim"}
        self.cast(result, func(cells, *args[1:], **rest), grids.pop())

    def _product(self, before: list[Shadow | None], result: Tensor) -> None:
        """Rows of the left factor keep their cells, or columns of the right one keep theirs."""
        left, right = before[0], before[1] if len(before) > 1 else None
        if left is not None and _constant(left.cells, -1):
            rows = left.cells[..., :1]
            if rows.shape[-2] == result.shape[-2]:
                self.cast(result, rows, left.grid)
        elif right is not None and right.cells.ndim > 1 and _constant(right.cells, -2):
            columns = right.cells[..., :1, :]
            if columns.shape[-1] == result.shape[-1]:
                self.cast(result, columns, right.grid)

    def _same_rows(
        self, before: list[Shadow | None], args: tuple[Any, ...], result: Tensor
    ) -> None:
        """Anything else that keeps the shape, or all of it but the last axis, keeps the cells."""
        for shadow, argument in zip(before, args, strict=True):
            if shadow is None or argument is result:
                continue
            shape = shadow.cells.shape
            if shape == result.shape:
                self.cast(result, shadow.cells, shadow.grid)
            elif len(shape) == result.ndim and shape[:-1] == result.shape[:-1]:
                self.cast(result, shadow.cells[..., :1], shadow.grid)
            else:
                continue
            return

    # --- sites ----------------------------------------------------------------------------------

    def _note_layout(self, index: int, func: Any, args: tuple[Any, ...]) -> None:
        site = self.recording.trace.sites[index]
        if site.kind != "attention":
            return
        if func is F.scaled_dot_product_attention:
            queries, keys = (self._tokens(tensor, -2) for tensor in args[:2])
        else:  # a product: the matrix is the factor with as many entries as the record
            left, right = args[-2:]  # an einsum has its equation first
            _, _, query_count, key_count = site.attention.shape
            if tuple(left.shape[-2:]) == (query_count, key_count):
                queries, keys = self._tokens(left, -2), self._tokens(right, -2)
            else:
                queries, keys = self._tokens(right, -1), self._tokens(left, -1)
        self.layouts[index] = Layout(
            queries,
            keys,
            over_channels=self._over_channels(args[-1] if func is torch.einsum else args[1]),
        )

    def _tokens(self, tensor: Tensor, axis: int) -> Cells | None:
        """The cells of the tokens along `axis`, (window, token): one number a token or nothing."""
        shadow = self.shadow(tensor)
        if shadow is None:
            return None
        # (…, feature, token): the features of a token all stand for one cell.
        cells = shadow.cells.movedim(axis, -1)
        if cells.ndim < 2 or not _constant(cells, -2):
            return None
        cells = cells.select(-2, 0)
        if tensor.ndim >= 4:  # (…, head, token): heads share their cells
            if not _constant(cells, -2):
                return None
            cells = cells.select(-2, 0)
        return Cells(cells.reshape(-1, cells.shape[-1]), shadow.grid)

    def _over_channels(self, keys: Tensor) -> bool:
        """Whether the tokens of (…, token, feature) are channels and their features are places."""
        shadow = self.shadow(keys)
        return (
            shadow is not None
            and shadow.cells.ndim > 1
            and _constant(shadow.cells, -2)
            and not _constant(shadow.cells, -1)
        )


def follow(
    module: nn.Module, *inputs: Any, **named: Any
) -> tuple[Trace, tuple[Layout | None, ...]]:
    """The trace of a forward pass over one photo, and for every site of it where its tokens are.

    inputs, named: what the module is called with. The first tensor of four axes among them is the
    photo, (1, channel, height, width), on any device; its values do not matter.
    """
    tensors = [one for one in (*inputs, *named.values()) if isinstance(one, Tensor)]
    photo = next((one for one in tensors if one.ndim == 4), None)
    if photo is not None and photo.shape[0] != 1:
        raise ValueError(f"places are followed for one photo, not {photo.shape[0]}")
    with torch.inference_mode(), capture(module) as recording, _Follow(recording) as followed:
        if photo is not None:
            followed._new_picture(photo)
        module(*inputs, **named)
    trace = recording.trace
    return trace, tuple(followed.layouts.get(index) for index in range(len(trace.sites)))
