"""The network, input and map that are being evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.places.layout import Layouts, survey
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Map, Trace
from fovea.models.running.inference import run
from fovea.models.running.outputs import tensor_of

Making = Callable[[nn.Module, Tensor], "Map | Tensor"]
"""(network, inputs) → its map."""
MapLike = Map | Tensor | Making
"""A map, (row, column), or a function that computes it."""


@dataclass(frozen=True, eq=False, slots=True)
class PassResult:
    """One pass. logits: (1, class) · target: the class in question · mean, std: normalisation of
    the input's channels, each (channel, 1, 1).
    """

    module: nn.Module
    inputs: Tensor
    trace: Trace
    layouts: Layouts
    logits: Tensor
    target: int
    mean: Tensor
    std: Tensor

    @property
    def picture(self) -> Tensor:
        """The input as a photo, (channel, row, column)."""
        return self.inputs[0] * self.std + self.mean

    def ask(self, pictures: Tensor) -> Tensor:
        """Logits (picture, class) of pictures in the format of `picture`."""
        with torch.inference_mode():
            return tensor_of(self.module((pictures - self.mean) / self.std))


def look(
    module: nn.Module, inputs: Tensor, target: int | None, preprocessing: Preprocessing | None
) -> PassResult:
    """Raises ValueError if the input is not a photo, the output not classes, or the class does not
    exist.
    """
    if inputs.dim() != 4 or inputs.shape[0] != 1:
        raise ValueError(
            f"one photo is measured at a time, (1, channel, height, width), not "
            f"{tuple(inputs.shape)}"
        )
    layouts = survey(module, inputs)
    logits, (trace,) = run(module, inputs, layouts)
    if logits.dim() != 2:
        raise ValueError(
            f"the network gives {tuple(logits.shape)}, not (1, class): no class's probability can "
            "be asked about"
        )
    classes = logits.shape[1]
    chosen = int(logits[0].argmax()) if target is None else target
    if not 0 <= chosen < classes:
        raise ValueError(f"target={target} is no class; valid: 0 to {classes - 1}")
    channels = inputs.shape[1]
    mean, std = (
        ((0.0,) * channels, (1.0,) * channels)
        if preprocessing is None
        else (preprocessing.mean, preprocessing.std)
    )
    return PassResult(
        module, inputs, trace, layouts, logits, chosen,
        *(torch.tensor(one, device=inputs.device).view(-1, 1, 1) for one in (mean, std)),
    )  # fmt: skip


def values_of(found: MapLike, looked: PassResult) -> tuple[Tensor, PatchGrid]:
    """float64 (row, column) on the CPU, and the position of the cells.

    Raises ValueError unless there is one value for each cell.
    """
    made = found if isinstance(found, Map | Tensor) else found(looked.module, looked.inputs)
    values = made.values if isinstance(made, Map) else made
    axes = made.axes if isinstance(made, Map) else ("row", "column")[: values.dim()]
    if values.dim() != 2 or axes != ("row", "column"):
        raise ValueError(
            f"one map over places is measured at a time, (row, column), not {axes} of "
            f"{tuple(values.shape)}"
        )
    grid = made.grid if isinstance(made, Map) else None
    plain = values.detach().double().cpu()
    return plain, grid if grid is not None and grid.depth == 1 else PatchGrid(*plain.shape)
