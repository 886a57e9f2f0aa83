"""An independent count of what capture should find, taken at a lower level.

Capture watches the functions that a network calls. This watches the kernels that then run
(`torch.utils._python_dispatch`): a softmax or sigmoid is counted however it was called, so a site
that capture misses or invents shows as a difference between two numbers.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops import flex_attention
from torch._higher_order_ops.flex_attention import math_attention
from torch.utils._python_dispatch import TorchDispatchMode

from fovea.models.tracing.call_stack import calling_module, module_paths, parts_of

SOFTMAX = "softmax"
SIGMOID = "sigmoid"

_KERNELS = {
    "_softmax": SOFTMAX,
    "_safe_softmax": SOFTMAX,
    "_scaled_dot_product_flash_attention_for_cpu": SOFTMAX,
    "_scaled_dot_product_attention_math_for_mps": SOFTMAX,
    "_native_multi_head_attention": SOFTMAX,
    "_transformer_encoder_layer_fwd": SOFTMAX,
    "sigmoid": SIGMOID,
    "sigmoid_": SIGMOID,
    "hardsigmoid": SIGMOID,
    "hardsigmoid_": SIGMOID,
}
_FUSED = {name for name in _KERNELS if name.startswith(("_scaled", "_native", "_transformer"))}

_MOVES = {
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "expand", "permute", "transpose", "t"),
    *("unsqueeze", "squeeze", "select", "slice", "split", "unbind", "clone", "_to_copy", "alias"),
    *("detach", "contiguous", "copy_", "as_strided", "native_dropout", "split_with_sizes"),
}


@dataclass
class Use:
    """One softmax or sigmoid.

    went_into: the first kernel that took its result, "" if none did. module: that used the result,
    or else that computed it (often an `nn.Softmax`). entry_by_entry: it multiplied a tensor of its
    own size (SiLU, GLU). total: sum of squares of its input. constant: the input is the same for
    every photo.
    """

    what: str
    module: str
    went_into: str = ""
    entry_by_entry: bool = False
    total: float = 0.0
    constant: bool = False


class Count(TorchDispatchMode):
    """Counts the softmaxes and sigmoids of one forward pass; run it without autograd."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.uses: list[Use] = []
        self._paths = module_paths(parts_of(module))
        self._open: dict[int, tuple[weakref.ref[Tensor], Use]] = {}

    def _keep(self, tensor: Tensor, use: Use) -> None:
        self._open[id(tensor)] = weakref.ref(tensor), use

    def _used(self, tensor: object) -> Use | None:
        known = self._open.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        outputs = [one for one in _flat(result) if isinstance(one, Tensor)]
        for taken in _flat(args):
            use = self._used(taken)
            if use is None:
                continue
            if name in _MOVES:
                for output in outputs:
                    self._keep(output, use)
            elif not use.went_into:
                use.went_into, use.module = name, calling_module(self._paths)
                others = [
                    argument
                    for argument in args[:2]
                    if isinstance(argument, Tensor) and argument is not taken
                ]
                use.entry_by_entry = any(other.shape == taken.shape for other in others)
        if name in _KERNELS:
            use = Use(_KERNELS[name], calling_module(self._paths))
            self.uses.append(use)
            if name in _FUSED:
                use.went_into = "its values"
            elif outputs:
                self._keep(outputs[0], use)
                use.total = float(args[0].double().square().sum())
        return result


@flex_attention.py_impl(Count)
def _flex(counted: Count, *args: Any, **kwargs: Any) -> Any:
    """FlexAttention is no kernel of the dispatcher: what it is written out as is counted."""
    with counted:
        return math_attention(*args, **kwargs)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [one for part in value for one in _flat(part)]
    return [value]


def _count(module: nn.Module, inputs: Mapping[str, Any]) -> Count:
    counted = Count(module)
    with torch.no_grad(), counted:
        module(**inputs)
    return counted


def _another(value: Any) -> Any:
    """Another photo, other words."""
    if isinstance(value, list):
        return [_another(one) for one in value]
    if not isinstance(value, Tensor):
        return value
    return torch.rand_like(value) if value.is_floating_point() else value.flip(-1)


def count(module: nn.Module, inputs: Mapping[str, Any]) -> list[Use]:
    """What one forward pass computes, in order."""
    uses = _count(module, inputs).uses
    others = {name: _another(value) for name, value in inputs.items()}
    for use, other in zip(uses, _count(module, others).uses, strict=False):
        fused = use.total == 0.0
        use.constant = not fused and use.total == other.total
    return uses
