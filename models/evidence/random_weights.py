"""The same network with its layers re-initialised one by one, from the last to the first.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim 2018, "Sanity checks for saliency maps" (NeurIPS),
section 4.1, cascading randomisation: a map that does not change says nothing about what the network
has learnt.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

DEVIATION = 0.02
"""Standard deviation of parameters that no module resets: class tokens, positions, layer scales."""


def layers_of(module: nn.Module) -> list[str]:
    """Paths of a network's layers, first to last; "" stands for parameters outside any layer.

    A layer is a member of a list or sequence of modules, or else a child of the network.
    """
    found: list[str] = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList | nn.Sequential):
            found += [f"{name}.{member}" for member, _ in child.named_children()]
        else:
            found.append(name)
    with_parameters = [
        path for path in found if next(module.get_submodule(path).parameters(), None) is not None
    ]
    return (
        ["", *with_parameters]
        if next(module.parameters(recurse=False), None) is not None
        else (with_parameters)
    )


def randomised(module: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """(layer, network) for each layer, last first; layers of earlier steps stay randomised.

    The network is a single copy that changes with every step; the given network and the global
    random state are unchanged.
    """
    changed = copy.deepcopy(module)
    for number, layer in enumerate(reversed(layers_of(module))):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed + number)
            _redraw(changed.get_submodule(layer), alone=layer == "")
        yield layer, changed


def _redraw(layer: nn.Module, *, alone: bool) -> None:
    """Calls each module's `reset_parameters`; other parameters become normal. alone: without
    children.
    """
    reset: set[int] = set()
    for part in () if alone else layer.modules():
        if callable(anew := getattr(part, "reset_parameters", None)):
            before = {id(one) for one in part.parameters(recurse=False)}
            anew()
            reset |= before
    for parameter in layer.parameters(recurse=not alone):
        if id(parameter) not in reset:
            _normal(parameter)


def _normal(parameter: Tensor) -> None:
    parameter.normal_(std=DEVIATION)
