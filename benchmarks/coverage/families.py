"""The networks to examine: the smallest of each family in the libraries' own registries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Inputs = Mapping[str, Any]
"""The inputs of the forward pass, by parameter name."""

Built = tuple[nn.Module, Inputs, str]
"""(module in eval mode, its inputs, its name)"""

LARGEST_PX, SMALLER_PX = 256, 224
"""Networks for photos larger than the first size are built for the second if possible."""

LARGEST, FEW_BLOCKS = 50_000_000, 4
"""Larger networks are built with this many blocks if possible."""


@dataclass(frozen=True)
class Family:
    """One architecture family of a library."""

    library: str
    name: str
    build: Callable[[], Built]


def photo(*size: int) -> Tensor:
    """(1, 3, height, width): always the same noise."""
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))


def parameters(module: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def smallest(names: list[str], build: Callable[[str], nn.Module]) -> tuple[str, int]:
    """(name, parameters) of the network with the fewest parameters; counted without allocating
    them.
    """
    with torch.device("meta"):
        sizes = {name: parameters(build(name)) for name in names}
    name = min(sizes, key=lambda name: sizes[name])
    return name, sizes[name]


# --- timm -----------------------------------------------------------------------------------------


def _timm(names: list[str]) -> Built:
    import timm

    name, size = smallest(names, timm.create_model)
    settings = timm.get_pretrained_cfg(name)
    height = settings.input_size[-1] if settings else 224
    # Repeated blocks show nothing new; networks that take neither option are built as they are.
    shallower: dict[str, Any] = {"depth": FEW_BLOCKS} if size > LARGEST else {}
    smaller: dict[str, Any] = {"img_size": SMALLER_PX} if height > LARGEST_PX else {}
    for options in ({**shallower, **smaller}, smaller, shallower):
        if not options:
            continue
        side = options.get("img_size", height)
        try:
            module = timm.create_model(name, **options).eval()
            module(photo(side, side))
        except (TypeError, ValueError, RuntimeError, AssertionError, IndexError):
            continue
        told = ", ".join(f"{option}={value}" for option, value in options.items())
        return module, {"x": photo(side, side)}, f"{name}, {told}"
    return timm.create_model(name).eval(), {"x": photo(height, height)}, name


def timm_families() -> Iterator[Family]:
    """One family for every model module of timm, and for every kind of name in it: the resnet
    module contains ECA-ResNets and SE-ResNets too.
    """
    import timm

    for module_name in timm.list_modules():
        kinds: dict[str, list[str]] = {}
        for name in timm.list_models(module=module_name):
            match = re.match("[a-z]+", name)
            kinds.setdefault(match[0] if match else name, []).append(name)
        # timm's tiny test networks omit parts and do not represent a family.
        for kind, names in kinds.items():
            if kind != "test":
                title = module_name if module_name.startswith(kind) else f"{module_name}: {kind}"
                yield Family("timm", title, partial(_timm, names))


# --- torchvision ----------------------------------------------------------------------------------


def _torchvision(names: list[str]) -> Built:
    from torchvision import models

    def build(name: str) -> nn.Module:
        # Backbones would be downloaded too, unless disabled; not every network has one.
        builder = models.get_model_builder(name)
        unloaded = {
            option: None
            for option in ("weights", "weights_backbone")
            if option in inspect.signature(builder).parameters
        }
        module: nn.Module = builder(**unloaded)
        return module

    def size(name: str) -> int:
        count: int = models.get_model_weights(name).DEFAULT.meta["num_params"]
        return count

    name = min(names, key=size)
    kind = models.get_model_builder(name).__module__.split(".")[2]
    module = build(name).eval()
    if kind == "video":
        frames = torch.randn(1, 3, 16, 224, 224, generator=torch.Generator().manual_seed(0))
        return module, {"x": frames}, name
    if kind == "optical_flow":
        return module, {"image1": photo(128, 128), "image2": photo(128, 128)}, name
    if kind == "detection":
        # What follows the backbone does not attend, and needs operators that CPU builds of torch
        # lack.
        return module.backbone, {"x": photo(320, 320)}, f"{name}, backbone"  # type: ignore[return-value]
    side = 299 if kind == "inception" else 224
    parameter = next(iter(inspect.signature(module.forward).parameters))
    return module, {parameter: photo(side, side)}, name


def torchvision_families() -> Iterator[Family]:
    """One for every model module of torchvision; the quantised ones are the same networks."""
    from torchvision import models

    modules: dict[str, list[str]] = {}
    for name in models.list_models():
        module = models.get_model_builder(name).__module__.removeprefix("torchvision.models.")
        if not module.startswith("quantization"):
            modules.setdefault(module, []).append(name)
    for module, names in modules.items():
        yield Family("torchvision", module, partial(_torchvision, names))
