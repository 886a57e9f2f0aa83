"""How tensors are stored: without history, compact, with four axes."""

from __future__ import annotations

import torch
from torch import Tensor

from fovea.models.tracing.buffers import copied


def is_wrapped(tensor: Tensor) -> bool:
    """Whether the tensor is wrapped by a `torch.func` transform."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def is_mapped(tensor: Tensor) -> bool:
    """Whether `vmap` maps over it: it has an axis that the network does not see."""
    return is_wrapped(tensor) and plain(tensor).ndim > tensor.ndim


def plain(tensor: Tensor) -> Tensor:
    """The values inside a `torch.func` wrapper or nested tensor.

    Under `grad`, `jacrev` etc. that is the tensor itself; under `vmap` the mapped axis comes first;
    a nested tensor is padded with zeros.
    """
    functorch = torch._C._functorch
    while is_wrapped(tensor):
        if functorch.is_batchedtensor(tensor):
            axis = functorch.maybe_get_bdim(tensor)
            tensor = functorch.get_unwrapped(tensor).movedim(axis, 0)
        else:
            tensor = functorch.get_unwrapped(tensor)
    return torch.nested.to_padded_tensor(tensor, 0.0) if tensor.is_nested else tensor


def kept(tensor: Tensor) -> Tensor:
    """`tensor` without its history, and on its own storage if it is a part of a larger one.

    A fused projection returns query, key and value as three views of one tensor; keeping a view
    would keep all three.
    """
    tensor = tensor.detach()
    if is_wrapped(tensor):
        return tensor  # its values are unwrapped when it becomes part of a site
    tensor = plain(tensor)
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else copied(tensor)


def same_storage(one: Tensor, other: Tensor) -> bool:
    """Whether both share memory: views of each other, or of a third tensor."""
    if is_wrapped(one) or is_wrapped(other):
        one, other = plain(one), plain(other)
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def four_axes(tensor: Tensor) -> Tensor:
    """(…, head, row, column) with all axes before the heads folded into one batch axis; a missing
    head axis is added.
    """
    if tensor.ndim == 2:
        return tensor[None, None]
    if tensor.ndim == 3:
        return tensor[:, None]
    return tensor if tensor.ndim == 4 else tensor.flatten(0, tensor.ndim - 4)


def unwrapped(tensor: Tensor) -> Tensor:
    """The values inside a `torch.func` transform, with mapped axes folded into the batch."""
    values = plain(tensor)
    if values.ndim > tensor.ndim:
        values = plain(values.flatten(0, values.ndim - tensor.ndim))
    return values
