"""Torch functions grouped by their effect on the positions of entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def _named(owners: tuple[Any, ...], names: str) -> set[Callable[..., Any]]:
    return {getattr(owner, n) for n in names.split() for owner in owners if hasattr(owner, n)}


TENSORS = (Tensor, torch)

COPIES = _named(TENSORS, "contiguous clone detach to type float half double bfloat16 as_subclass")
"""Functions that change neither shape nor order."""

MOVES = _named(
    TENSORS,
    "view reshape flatten unflatten transpose permute swapaxes swapdims squeeze unsqueeze expand"
    " expand_as view_as movedim moveaxis roll flip chunk split tensor_split unbind narrow select"
    " index_select gather take_along_dim __getitem__ unfold repeat tile rot90 t"
    " repeat_interleave __iter__ masked_select swapaxes",
) | {Tensor.T.__get__, Tensor.mT.__get__}  # type: ignore[attr-defined]
"""Functions that move entries without changing them: applied to the shadow too."""

REDUCTIONS = _named(TENSORS, "mean sum amax amin logsumexp var std norm argmax argmin")

SCATTERS = _named(
    TENSORS,
    "scatter scatter_ scatter_add scatter_add_ index_put index_put_ index_copy index_copy_"
    " index_add index_add_ sort argsort topk cumsum",
) | {F.grid_sample, *(call for call in vars(torch.fft).values() if callable(call))}
"""Functions that move entries in a way no view explains: cells are lost."""

CONSTANTS = _named(
    TENSORS, "new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like"
)
"""Functions that use only a tensor's shape, not its values."""

PRODUCTS = _named(TENSORS, "matmul bmm __matmul__")

MASKED_SCATTERS = _named(TENSORS, "masked_scatter masked_scatter_")

WHERE = _named(TENSORS, "where")

RANDOM = _named(
    TENSORS,
    "rand randn randint randperm rand_like randn_like randint_like bernoulli bernoulli_ multinomial"
    " normal normal_ uniform_ random_ exponential_ geometric_",
)
"""Functions that draw random numbers."""

READINGS = _named((Tensor,), "item tolist __int__ __index__")
"""Functions that turn a tensor into Python numbers, which may control the network."""

ORDERS = MOVES | SCATTERS | MASKED_SCATTERS | WHERE
"""Functions that may reorder entries according to another tensor."""
