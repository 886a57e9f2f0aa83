"""The same network with its weights drawn anew, layer by layer, from the last to the first.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim 2018, "Sanity checks for saliency maps" (NeurIPS),
section 4.1, cascading randomisation: a map that stays as it was says nothing about what the network
has learnt.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

DEVIATION = 0.02
"""Of parameters that no module resets: class tokens, positions, layer scales."""


def layers_of(module: nn.Module) -> list[str]:
    """The layers of a network from the first to the last, by their paths; "" is what the network
    itself holds, outside of any layer.

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
    """(layer, network) for each layer, the last first; earlier steps' layers stay redrawn.

    The network is one copy that changes from step to step; the one that was given stays as it is,
    and so does the global random state.
    """
    changed = copy.deepcopy(module)
    for number, layer in enumerate(reversed(layers_of(module))):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed + number)
            _redraw(changed.get_submodule(layer), alone=layer == "")
        yield layer, changed


def _redraw(layer: nn.Module, *, alone: bool) -> None:
    """Each module's own `reset_parameters`; what none resets is normal. alone: without children."""
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
