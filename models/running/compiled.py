"""Which parts of a network are compiled: what runs inside them passes through Python only where
`torch.compile` is told to run eagerly, and of TorchScript never.
"""

from __future__ import annotations

import torch
from torch import nn


def is_compiled(module: nn.Module) -> bool:
    """Whether this module itself is a `torch.compile` wrapper, was compiled in place or is
    TorchScript.
    """
    in_place = getattr(module, "_compiled_call_impl", None) is not None
    return in_place or "_orig_mod" in module._modules or is_script(module)


def is_script(module: nn.Module) -> bool:
    """Whether this module is TorchScript."""
    return isinstance(module, torch.jit.ScriptModule)


def compiled_parts(module: nn.Module) -> tuple[str, ...]:
    """The paths of the outermost compiled parts; "" is the network as a whole."""
    found: list[str] = []
    for name, part in module.named_modules():
        inside = any(not outer or name.startswith(f"{outer}.") for outer in found)
        if not inside and is_compiled(part):
            found.append(name)
    return tuple(found)
