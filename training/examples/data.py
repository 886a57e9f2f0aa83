"""The recipes' data sets, as uint8 tensors in memory.

Photos are decoded once: short side 128 px, centre 128 x 128, channels first. A training crop is
then one batched bilinear resampling, much cheaper than decoding again.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fovea.models.preprocessing import Preprocessing, cut

CANVAS_PX = 128
DEFAULT_DATA_DIR = Path("data")


class MissingDataError(FileNotFoundError):
    """A data set's file is not in the data folder."""


@dataclass(frozen=True)
class Examples:
    """Labelled pictures.

    images: uint8 (example, channel, height, width) · labels: int64 (example,) ·
    classes: one readable name per label.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Examples":
        """The same pictures and labels on another device."""
        return Examples(self.images.to(device), self.labels.to(device), self.classes)


def data_folder(given: str | None = None) -> Path:
    """The folder that holds the data sets: the argument, else FOVEA_DATA_DIR, else the default."""
    return Path(given or os.environ.get("FOVEA_DATA_DIR") or DEFAULT_DATA_DIR)


def open_archive(folder: Path, name: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of folder/name.npz by name; MissingDataError where it is not there."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise MissingDataError(
            f"{path.name} is not in the folder {folder}. Name the folder of the data sets with "
            "FOVEA_DATA_DIR or --data; docs/training.md says where each set comes from."
        )
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def readable(name: str) -> str:
    """A class folder's name as a label: 'Faces_easy' becomes 'Faces easy'."""
    return name.replace("_", " ").strip()


def fit_square(photo: Image.Image, size_px: int) -> Tensor:
    """The centre square of an RGB photo resized to a short side of size_px, uint8 (3, row, column).

    Uses the preprocessing of serving, so that a network is trained on what it will be given.
    """
    wanted = Preprocessing(size_px, (size_px, size_px), "bicubic", _AS_IT_IS, _ONE)
    return cut(torch.from_numpy(np.array(photo)).permute(2, 0, 1), wanted)[0]


_AS_IT_IS, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
"""Mean and deviation that leave a photo unnormalised: crops are normalised after resampling."""


def decode(files: Sequence[bytes], size_px: int) -> Tensor:
    """JPEG files as uint8 (file, 3, size_px, size_px)."""
    pictures = torch.empty((len(files), 3, size_px, size_px), dtype=torch.uint8)
    for index, content in enumerate(files):
        pictures[index] = fit_square(Image.open(BytesIO(content)).convert("RGB"), size_px)
    return pictures


def load_photos(
    folder: Path, name: str, size_px: int = CANVAS_PX, classes: tuple[str, ...] | None = None
) -> Examples:
    """Photos from an archive of JPEG files (`blob`, `offsets`) and `labels`.

    classes: label names if the archive has no `classes`.
    """
    archive = open_archive(folder, name)
    blob, offsets = archive["blob"].tobytes(), archive["offsets"].astype(np.int64).tolist()
    files = [blob[start:end] for start, end in pairwise(offsets)]
    return Examples(
        images=decode(files, size_px),
        labels=torch.from_numpy(archive["labels"].astype(np.int64)),
        classes=classes or tuple(readable(str(name)) for name in archive["classes"]),
    )


def load_digits(folder: Path, name: str) -> Examples:
    """Handwritten digits: uint8 (digit, 1, 28, 28), white on black."""
    archive = open_archive(folder, name)
    return Examples(
        images=torch.from_numpy(archive["images"].astype(np.uint8)).unsqueeze(1),
        labels=torch.from_numpy(archive["labels"].astype(np.int64)),
        classes=tuple(str(digit) for digit in range(10)),
    )
