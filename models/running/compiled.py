"""Which parts of a network are compiled: `torch.compile`d code can be run eagerly on request,
TorchScript never.
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
    if not any(map(is_compiled, module.modules())):  # checked for every watched pass
        return ()
    found: list[str] = []
    seen, unvisited = {id(module)}, [("", module)]
    while unvisited:
        path, part = unvisited.pop()
        if is_compiled(part):
            found.append(path)
            continue
        for name, child in reversed(part._modules.items()):
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                unvisited.append((f"{path}.{name}" if path else name, child))
    return tuple(found)
