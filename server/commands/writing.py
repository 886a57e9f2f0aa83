"""A map as a file, as JSON, and the network's answer as a short line."""

from __future__ import annotations

import argparse
import io
from typing import TYPE_CHECKING, Any

from fovea.server.commands.planning import Work
from fovea.server.commands.shares import shares

if TYPE_CHECKING:
    from pathlib import Path

    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.wire.render import Render

MEDIA = {"jpg": "image/jpeg", "webp": "image/webp"}


def content_of(
    suffix: str, analysis: Analysis, array: NamedArray, options: argparse.Namespace
) -> bytes:
    """The bytes of a file: npy, html, png, jpg or webp."""
    from fovea.server.commands import pictures
    from fovea.server.commands.page import page
    from fovea.server.wire import encode

    if suffix == "npy":
        return encode.to_npy(array)
    if suffix == "html" and pictures.ways(options.map) is None:
        return page(analysis, array, options.colormap, options.opacity)
    png = _png(analysis, array, options)
    return png if suffix == "png" else _as(MEDIA[suffix], png)


def _png(analysis: Analysis, array: NamedArray, options: argparse.Namespace) -> bytes:
    """A map without a place on the photo is drawn alone, with word labels if it is over words."""
    from fovea.server.commands import pictures, words
    from fovea.server.wire import render

    if pictures.ways(options.map) is not None:
        return pictures.png(analysis, array, options)
    if options.render is None and (labels := words.labels_of(analysis, array)):
        return words.picture(array, labels, options.colormap)
    photo, geometry = (None, None) if analysis.text is not None else analysis.view
    on_photo = photo is not None and array.covers_input and array.values.ndim == 2
    how: Render = options.render or ("overlay" if on_photo else "heatmap")
    pixels = None if photo is None else photo.pixels
    return render.to_picture(array, pixels, geometry, how, options.colormap, options.opacity)


def _as(media: str, png: bytes) -> bytes:
    """Converts the picture to another format and keeps its embedded text where that format
    allows.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngImageFile

    from fovea.server.wire.pictures import encoded

    with Image.open(io.BytesIO(png)) as drawn:
        assert isinstance(drawn, PngImageFile)
        said = drawn.text.get("Description"), drawn.text.get("Comment")
        return encoded(drawn.convert("RGB"), media, *said)


def record(
    work: Work, analysis: Analysis, array: NamedArray, name: str, output: Path | None
) -> dict[str, Any]:
    """A map as JSON, with its values if no file holds them. NaN and infinity become null."""
    import numpy as np

    told: dict[str, Any] = {
        "text" if isinstance(work.given, str) else "photo": str(work.given),
        "model": analysis.model.id,
        "map": name,
        "sentence": array.sentence,
        "answer": answer(analysis),
        "predictions": [
            {"index": prediction.index, "label": prediction.label, "score": prediction.score}
            for prediction in analysis.predictions
        ],
        "axes": list(array.axes),
        "shape": list(array.values.shape),
    }
    if output is not None:
        return {**told, "output": str(output)}
    values = array.values.astype(object)
    values[~np.isfinite(array.values)] = None
    return {**told, "values": values.tolist()}


def answer(analysis: Analysis) -> str:
    """A short line with the network's answer."""
    from fovea.models.running.tasks import Mask

    if analysis.sentence is not None:
        return f"“{analysis.sentence.text}”"
    if isinstance(analysis.output, Mask):
        return ", ".join(f"{label} {share:.0%}" for label, share in shares(analysis.output))
    if analysis.predictions:
        best = analysis.predictions[0]
        return f"{best.label.split(',')[0]} {best.score:.2f}"
    return analysis.model.task
