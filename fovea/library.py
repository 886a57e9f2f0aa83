"""The public names of `fovea`: a network's attention, in a notebook, in five lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fovea.models.catalog.spec import LoadedModel
from fovea.models.catalog.torchvision_operators import prepare_for_torchvision
from fovea.models.editing.hide import hide_cells
from fovea.models.editing.run import edit
from fovea.models.edits import Edit, RefusedEdit
from fovea.models.geometry import Geometry
from fovea.models.grids import PatchGrid
from fovea.models.judging.evidence import Evidence, evidence
from fovea.models.judging.sweeping import Effects, sweep
from fovea.models.kinds.attention.rows import columns, fuse, rows
from fovea.models.kinds.attention.windows import looked_at_by, looks_at
from fovea.models.kinds.step import Step
from fovea.models.maps.gradients import attention_grad_cam, gradient_rollout, relevance
from fovea.models.maps.mass import dino
from fovea.models.maps.propagation import NotPossible
from fovea.models.maps.rollout import rollout, vit_explain
from fovea.models.maps.statistics import attention_distance, entropy, entropy_share
from fovea.models.methods.making import for_class as explain
from fovea.models.methods.making.grad_cam import grad_cam
from fovea.models.methods.making.listing import maps
from fovea.models.methods.making.positions import positions_of as positions
from fovea.models.methods.making.token_lengths import token_lengths
from fovea.models.methods.making.tokens import attention
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Attention, Map, Site, Trace
from fovea.models.running.inference import run_for_stream as stream
from fovea.models.running.observing import Observation, capture
from fovea.models.running.steps import steps

__all__ = [
    "Attention",
    "Edit",
    "Effects",
    "Evidence",
    "Geometry",
    "LoadedModel",
    "Map",
    "NotPossible",
    "Observation",
    "PatchGrid",
    "Preprocessing",
    "RefusedEdit",
    "Site",
    "Step",
    "Trace",
    "attention",
    "attention_distance",
    "attention_grad_cam",
    "capture",
    "columns",
    "dino",
    "edit",
    "entropy",
    "entropy_share",
    "evidence",
    "explain",
    "fuse",
    "grad_cam",
    "gradient_rollout",
    "heatmap",
    "hide_cells",
    "load",
    "looked_at_by",
    "looks_at",
    "maps",
    "overlay",
    "positions",
    "prepare",
    "read_photo",
    "relevance",
    "rollout",
    "rows",
    "sample",
    "steps",
    "stream",
    "sweep",
    "token_lengths",
    "vit_explain",
]

prepare_for_torchvision()

SAMPLES = Path(__file__).with_name("frontend") / "samples"

Pixels = NDArray[np.uint8]
Photo = str | os.PathLike[str] | Image.Image | Pixels | Tensor
"""A file, a Pillow image, uint8 (row, column, 3), or a uint8 tensor (3, row, column)."""


def read_photo(photo: Photo) -> Pixels:
    """The photo upright and in sRGB: uint8 (row, column, 3).

    Files, and Pillow images opened from them, are read as by the server: orientation, colour
    profile, transparency and 16 bits are respected. Raises ValueError if it is not a photo.
    """
    if isinstance(photo, str | os.PathLike | Image.Image):
        from fovea.server.intake.imaging import decode, of_image
        from fovea.server.problems import BadPhoto
        from fovea.server.settings import load as load_settings

        limit = load_settings().max_pixels
        try:
            if isinstance(photo, Image.Image):
                return of_image(photo, limit).pixels
            return decode(Path(photo).read_bytes(), limit).pixels
        except BadPhoto as problem:
            name = "the image" if isinstance(photo, Image.Image) else photo
            raise ValueError(f"{name}: {problem.detail}") from problem
    array: NDArray[Any] = photo.permute(1, 2, 0).cpu().numpy() if torch.is_tensor(photo) else photo
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(
            f"a photo is uint8 (row, column, 3), not {array.dtype} {array.shape}; "
            "a normalised input is no photo: hand over the picture it was made of"
        )
    return array


def sample(name: str) -> Pixels:
    """A bundled photo, by its file name without suffix: `sample("chelsea")`, a cat.

    uint8 (row, column, 3). Raises LookupError for an unknown name, listing the known ones.
    """
    files = {file.stem: file for file in SAMPLES.iterdir() if file.suffix in (".jpg", ".png")}
    if name not in files:
        raise LookupError(f"no sample is called {name!r}; valid: {', '.join(sorted(files))}")
    return read_photo(files[name])


def load(model: str, device: torch.device | str = "cpu") -> LoadedModel:
    """A model of the catalogue (`fovea models`): `.module`, `.spec` and `.layouts`.

    Weights are found or downloaded according to the environment (docs/settings.md). Raises
    LookupError for an unknown name and `WeightsError` (models/catalog/weights) if weights are
    missing.
    """
    from fovea.server.commands.common import catalogue

    return catalogue().load(model, device)


def prepare(photo: Photo, preprocessing: Preprocessing | None) -> tuple[Tensor, Geometry]:
    """The network's input (1, channel, height, width), and its place on the photo."""
    from fovea.models import preprocessing as steps

    if preprocessing is None:
        raise ValueError("this network reads sentences; it takes no photo")
    pixels = torch.from_numpy(read_photo(photo)).permute(2, 0, 1)
    return steps.prepare(pixels, preprocessing)


def _plane(found: Map | Tensor) -> NDArray[np.float32]:
    values = found.values if isinstance(found, Map) else found
    array: NDArray[np.float32] = values.detach().float().cpu().numpy()
    if array.ndim != 2 or (isinstance(found, Map) and found.axes != ("row", "column")):
        axes = found.axes if isinstance(found, Map) else tuple(array.shape)
        raise ValueError(f"one map over places is drawn at a time, (row, column), not {axes}")
    return array


def overlay(
    found: Map | Tensor,
    photo: Photo,
    geometry: Geometry | None = None,
    *,
    colormap: str = "viridis",
    opacity: float = 0.6,
) -> Image.Image:
    """A map on its photo, as drawn by the server: exact cells, dimmed outside the network's input.

    found: values (row, column) over the network's input. geometry: the input's place on the photo,
    from `prepare`; None if the whole photo was resized to it. A notebook displays the returned
    image; `.save("map.png")` stores it. NaN is hatched.
    """
    from fovea.server.wire import render

    pixels = read_photo(photo)
    height, width = pixels.shape[:2]
    whole = Geometry(width, height, width, height, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    table: Any = _known(colormap)
    grid = found.grid if isinstance(found, Map) else None
    return render.overlay(_plane(found), pixels, geometry or whole, table, opacity, grid=grid)


def heatmap(found: Map | Tensor, *, colormap: str = "viridis") -> Image.Image:
    """A map alone, each cell a square of whole pixels."""
    from fovea.server.wire import render

    table: Any = _known(colormap)
    return Image.fromarray(render.heatmap(_plane(found), table))


def _known(colormap: str) -> str:
    from typing import get_args

    from fovea.server.wire.render import Colormap

    if colormap not in get_args(Colormap):
        raise ValueError(f"unknown colormap {colormap!r}; valid: {', '.join(get_args(Colormap))}")
    return colormap
