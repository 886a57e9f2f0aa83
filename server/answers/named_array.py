"""An answer before it is encoded: raw values, the names of their axes, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fovea.models.grids import PatchGrid

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class NamedArray:
    """Raw values with named axes and one sentence that describes them.

    prefix: values of the prefix tokens, which have no place on the photo. about: the request's
    parameters, echoed to the client. covers_input: whether (row, column) are cells on the network's
    input, so that it can be drawn on the photo. name: name of the values in JSON and safetensors.
    more: further arrays for both formats, by name, with their axes. grid: position of the cells;
    None if they divide the whole input evenly.
    """

    values: Array
    axes: tuple[str, ...]
    sentence: str
    prefix: Array | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    covers_input: bool = True
    name: str = "values"
    more: Mapping[str, tuple[Array, tuple[str, ...]]] = field(default_factory=dict)
    grid: PatchGrid | None = None
