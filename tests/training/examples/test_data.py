"""Reading the data sets' archives."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.examples.data import MissingDataError, data_folder, load_digits, load_photos


def write_photos(folder: Path) -> None:
    """Three photos of other shapes, each of one colour, as an archive of JPEG files."""
    pictures = [((200, 10, 10), (150, 112)), ((10, 200, 10), (112, 180)), (90, (112, 112))]
    files = []
    for colour, size in pictures:
        buffer = BytesIO()
        mode = "RGB" if isinstance(colour, tuple) else "L"
        Image.new(mode, size, colour).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    np.savez(
        folder / "photos.npz",
        blob=np.frombuffer(b"".join(files), dtype=np.uint8),
        offsets=np.cumsum([0, *(len(file) for file in files)]),
        labels=np.array([1, 0, 1], dtype=np.int16),
        classes=np.array(["Faces_easy", "ant"]),
    )


def test_photos_are_decoded_to_squares(tmp_path: Path) -> None:
    write_photos(tmp_path)
    photos = load_photos(tmp_path, "photos")
    assert photos.images.shape == (3, 3, 128, 128)
    assert photos.labels.tolist() == [1, 0, 1]
    assert photos.classes == ("Faces easy", "ant")
    expected = [(200, 10, 10), (10, 200, 10), (90, 90, 90)]
    for image, colour in zip(photos.images, expected, strict=True):
        assert np.abs(image.float().mean(dim=(1, 2)).numpy() - colour).max() < 4


def test_digits_have_one_channel(tmp_path: Path) -> None:
    images = np.zeros((2, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "digits.npz", images=images, labels=np.array([3, 7]))
    digits = load_digits(tmp_path, "digits")
    assert digits.images.shape == (2, 1, 28, 28)
    assert len(digits) == 2
    assert digits.classes[7] == "7"


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"mnist_train\.npz"):
        load_digits(tmp_path, "mnist_train")


def test_the_folder_is_the_argument_then_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOVEA_DATA_DIR", "/somewhere")
    assert data_folder("/here") == Path("/here")
    assert data_folder() == Path("/somewhere")
    monkeypatch.delenv("FOVEA_DATA_DIR")
    assert data_folder() == Path("data")
