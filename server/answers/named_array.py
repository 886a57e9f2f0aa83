"""What an answer is before it is encoded: raw values, what their axes are, and one sentence."""

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
    """Raw values with the names of their axes and one sentence that says what they are.

    prefix: the values on prefix tokens, which have no place. about: what was asked, echoed to the
    client.
    covers_input: whether (row, column) are cells on the network's input, so that it can be drawn on
    the photo.
    name: what the values are called in JSON and safetensors. more: further arrays beside them in
    both, by name, with their axes.
    grid: where those cells are; None where they share the whole input evenly.
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
