"""How tensors are kept: without history, without more memory than they need, with four axes."""

from __future__ import annotations

import torch
from torch import Tensor


def kept(tensor: Tensor) -> Tensor:
    """`tensor` without its history, and on storage of its own if it is a part of a larger one.

    A fused projection hands out query, key and value as three views of one tensor; keeping a view
    would keep all three.
    """
    tensor = tensor.detach()
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


def four_axes(tensor: Tensor) -> Tensor:
    """(…, head, row, column) with everything before the heads folded into one batch axis; heads
    added if absent.
    """
    if tensor.ndim == 2:
        return tensor[None, None]
    if tensor.ndim == 3:
        return tensor[:, None]
    return tensor if tensor.ndim == 4 else tensor.flatten(0, tensor.ndim - 4)
