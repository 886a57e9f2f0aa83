"""One analysis and one map as a self-contained HTML file."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fovea.models.running.tasks import Mask
from fovea.server.commands import words
from fovea.server.commands.shares import shares
from fovea.server.wire import render
from fovea.server.wire.pictures import encoded

if TYPE_CHECKING:
    from fovea.server.answers.named_array import Array, NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.wire.render import Colormap

PAGE = Path(__file__).with_name("page.html")


def page(analysis: Analysis, array: NamedArray, table: Colormap, opacity: float) -> bytes:
    """UTF-8 HTML: the photo, the map over it with an opacity slider, its values and the answers.
    For a sentence, or a map over words, a table of all values instead.
    """
    on_photo = analysis.text is None and array.covers_input and array.values.ndim == 2
    low, high = render.scale(array.values, table)
    colours = render.heatmap(_ramp(), table)
    filled = Template(PAGE.read_text("utf-8")).substitute(
        title=html.escape(f"{array.sentence} · {analysis.model.id}"),
        sentence=html.escape(f"{array.sentence}."),
        model=html.escape(analysis.model.title),
        figure=_figure(analysis, array, table, on_photo),
        ramp=_uri(encoded(Image.fromarray(colours)), "image/png"),
        opacity=round(opacity * 100),
        low=f"{low:.4g}",
        high=f"{high:.4g}",
        answers=_answers(analysis),
        values=json.dumps(_nested(array.values) if on_photo else None),
    )
    return filled.encode()


def _figure(analysis: Analysis, array: NamedArray, table: Colormap, on_photo: bool) -> str:
    """The photo and the map, overlaid or below it."""
    labels = words.labels_of(analysis, array)
    if labels and len(labels) == array.values.ndim:
        drawn = words.as_table(array, labels, table)
    else:
        png = render.to_picture(array, None, None, "heatmap", table, 1.0)
        low, high = render.scale(array.values, table)
        drawn = (
            f'<img class="map" src="{_uri(png, "image/png")}" '
            f'alt="The map, from {low:.4g} to {high:.4g}">'
        )
    if analysis.text is not None:
        return f'<div class="frame beside">{drawn}</div>'
    photo, geometry = analysis.view
    source = _uri(render.photograph(photo.pixels, "image/jpeg"), "image/jpeg")
    box = f' style="{_box(geometry.crop, photo.width, photo.height)}"' if on_photo else ""
    return (
        f'<div class="frame {"placed" if on_photo else "beside"}">'
        f'<img class="photo" src="{source}" '
        f'width="{photo.width}" height="{photo.height}" alt="The photo">'
        f'<div class="box"{box}>{drawn}</div></div>'
    )


def _ramp() -> Array:
    """The colour ramp from low to high; for a diverging map zero is in the middle."""
    return np.linspace(-1, 1, 256, dtype=np.float32)[None]


def _uri(content: bytes, media: str) -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def _box(crop: tuple[float, float, float, float], width: int, height: int) -> str:
    """CSS position of the network's crop, as percentages of the photo."""
    left, top, right, bottom = crop
    shares = {
        "left": left / width,
        "top": top / height,
        "width": (right - left) / width,
        "height": (bottom - top) / height,
    }
    return ";".join(f"{name}:{100 * share:.6f}%" for name, share in shares.items())


def _answers(analysis: Analysis) -> str:
    """The most probable classes or the largest areas as table rows, or the written sentence."""
    if analysis.sentence is not None:
        said = [analysis.text.text] if analysis.text is not None else []
        lines = [*said, analysis.sentence.text]
        return "\n".join(f'<tr><td colspan="2">{html.escape(line)}</td></tr>' for line in lines)
    if isinstance(analysis.output, Mask):
        rows = shares(analysis.output)
    else:
        rows = [(prediction.label, prediction.score) for prediction in analysis.predictions]
    return "\n".join(
        f"<tr><td>{html.escape(label)}</td>"
        f'<td><meter value="{share:.4f}"></meter> {share:.1%}</td></tr>'
        for label, share in rows
    )


def _nested(values: Array) -> list[list[float | None]]:
    """Nested lists for JSON; NaN and infinity become null."""
    return [[float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in values.tolist()]
