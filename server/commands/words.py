"""Maps over words: a picture with the words beside its cells, or an HTML table."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngImageFile

from fovea.server.wire import render
from fovea.server.wire.negotiation import PNG
from fovea.server.wire.pictures import Pixels, encoded

if TYPE_CHECKING:
    from fovea.server.answers.named_array import Array, NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.wire.render import Colormap

Labels = Mapping[str, Sequence[str]]
"""The words along an axis, by axis name; axes of positions or patches have none."""

SMALLEST_PX, LARGEST_PX = 9, 18
"""Font size, so that a word fits beside a cell and stays readable."""
GAP_PX = 6
PAPER, INK = 255, 20


def labels_of(analysis: Analysis, array: NamedArray) -> Labels:
    """Labels of the cells along a map's one or two axes, where they are words."""
    if array.values.ndim > 2:
        return {}
    named: dict[str, Sequence[str]] = dict(array.about.get("labels", {}))
    sentence = analysis.sentence
    if array.axes == ("key",) and not named and analysis.text is not None and sentence is not None:
        named["key"] = sentence.source  # the keys of a relevance map are the input sentence
    return {
        axis: named[axis]
        for axis, length in zip(array.axes, array.values.shape, strict=True)
        if len(named.get(axis, ())) == length
    }


def picture(array: NamedArray, labels: Labels, table: Colormap) -> bytes:
    """A PNG: the cells as the server draws them, with the words to the left and above, black on
    white.
    """
    drawn = Image.open(io.BytesIO(render.to_picture(array, None, None, "heatmap", table, 1.0)))
    assert isinstance(drawn, PngImageFile)
    said = (PNG, drawn.text.get("Description"), drawn.text.get("Comment"))
    rows, columns = np.atleast_2d(array.values).shape
    cell_px = drawn.width // columns
    type_px = min(LARGEST_PX, cell_px)
    if type_px < SMALLEST_PX:
        return encoded(drawn, *said)
    above = [_word(text, type_px).rotate(90, expand=True) for text in _along(array, labels, -1)]
    beside = [_word(text, type_px) for text in _along(array, labels, -2)]
    left = max((word.width + GAP_PX for word in beside), default=0)
    top = max((word.height + GAP_PX for word in above), default=0)
    page = Image.new("RGB", (left + drawn.width, top + drawn.height), (PAPER,) * 3)
    page.paste(drawn, (left, top))
    for column, word in enumerate(above):
        at = left + column * cell_px + (cell_px - word.width) // 2
        page.paste(word, (at, top - GAP_PX // 2 - word.height))
    for row, word in enumerate(beside):
        at = top + row * cell_px + (cell_px - word.height) // 2
        page.paste(word, (left - GAP_PX // 2 - word.width, at))
    assert page.height == top + rows * cell_px
    return encoded(page, *said)


def as_table(array: NamedArray, labels: Labels, table: Colormap) -> str:
    """HTML: one table cell for each value, in its colour, with the words as headers."""
    values = np.atleast_2d(array.values)
    above, beside = _along(array, labels, -1), _along(array, labels, -2)
    corner = "<th></th>" if beside else ""
    heads = "".join(f'<th scope="col">{html.escape(word)}</th>' for word in above)
    lines = [f"<tr>{corner}{heads}</tr>"] if above else []
    colours = _colours(values, table)
    for row, line in enumerate(values):
        head = f'<th scope="row">{html.escape(beside[row])}</th>' if beside else ""
        cells = "".join(_cell(v, c) for v, c in zip(line, colours[row], strict=True))
        lines.append(f"<tr>{head}{cells}</tr>")
    return f'<table class="words">{"".join(lines)}</table>'


def _along(array: NamedArray, labels: Labels, axis: int) -> Sequence[str]:
    """The words along the columns (-1) or the rows (-2); a map with one axis is one row."""
    return () if array.values.ndim < -axis else labels.get(array.axes[axis], ())


def _word(text: str, type_px: int) -> Image.Image:
    """One word, as wide as its letters and of a fixed height, so that all share one line."""
    font = ImageFont.load_default(type_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    size = max(1, round(font.getlength(text))), sum(font.getmetrics())
    image = Image.new("RGB", size, (PAPER,) * 3)
    ImageDraw.Draw(image).text((0, 0), text, font=font, fill=(INK,) * 3)
    return image


def _colours(values: Array, table: Colormap) -> Pixels:
    """(row, column, 3): the colours of the picture, one entry for each cell."""
    pixels = render.heatmap(values, table)
    size = len(pixels) // len(values)
    middle: Pixels = pixels[size // 2 :: size, size // 2 :: size]
    return middle


def _cell(value: float, colour: Pixels) -> str:
    red, green, blue = (int(part) for part in colour)
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 140  # luma, ITU-R BT.601
    ink = "#fff" if dark else "#111"
    return (
        f'<td style="background:rgb({red},{green},{blue});color:{ink}" title="{value:.5g}">'
        f"{value:.2f}</td>"
    )
