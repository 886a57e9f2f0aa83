"""Copies tensors into memory that earlier copies no longer need.

A trace is usually freed before the next pass, which needs the same sizes. Requesting that memory
anew from the system, page by page, takes longer than the copying.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict

import torch
from torch import Tensor

MOST_BYTES = 64 * 1024 * 1024
"""Memory that the process may hold for future copies."""

LEAST_BYTES = 64 * 1024
"""Smaller copies are not worth pooling."""

_uses = getattr(torch._C, "_storage_Use_Count", None)
"""The reference count of a storage."""

_lock = threading.Lock()
_held: defaultdict[tuple[int, bool], list[torch.UntypedStorage]] = defaultdict(list)
_bytes = 0


def _free(size: int, *, inference: bool) -> torch.UntypedStorage | None:
    """A pooled storage of that many bytes that nobody else uses."""
    for storage in _held.get((size, inference), ()):
        # Held by tensors and by Python: the list, this loop, and the call itself.
        if _uses(storage._cdata) == 1 and sys.getrefcount(storage) == 3:  # type: ignore[misc]
            return storage
    return None


def copied(tensor: Tensor) -> Tensor:
    """A contiguous copy of a tensor without autograd history."""
    global _bytes
    size = tensor.numel() * tensor.element_size()
    plain = (
        type(tensor) is Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
    )
    if _uses is None or not plain or size < LEAST_BYTES or tensor.is_conj() or tensor.is_neg():
        return tensor.clone(memory_format=torch.contiguous_format)
    # Tensors created in inference mode may not be written to outside of it.
    inference = torch.is_inference_mode_enabled()
    made: Tensor
    with _lock:
        storage = _free(size, inference=inference)
        if storage is not None:
            made = torch.empty(0, dtype=tensor.dtype).set_(storage, 0, tensor.shape)  # type: ignore[call-overload]
        else:
            made = torch.empty(tensor.shape, dtype=tensor.dtype)
            if _bytes + size <= MOST_BYTES:
                _held[size, inference].append(made.untyped_storage())
                _bytes += size
    with torch.no_grad():
        return made.copy_(tensor)
