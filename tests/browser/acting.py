"""What a person does on the page: brings a photo, moves the mouse."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from tests.browser.conftest import ROOT

SAMPLES = json.loads((ROOT / "frontend/samples/samples.json").read_text("utf-8"))


DROP = """([base64, name, type]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  for (const event of ["dragenter", "dragover", "drop"]) {
    const options = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, ...options }));
  }
}"""


def photo_file(width: int = 320, height: int = 200) -> bytes:
    """A photo that is no sample: a blur of colours."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [columns * 255 // width, rows * 255 // height, (rows * columns) % 256]
    picture = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def drop(page: Page, content: bytes, name: str, kind: str) -> None:
    page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


def hover(page: Page, across: float, down: float) -> None:
    """Moves the mouse to a point of the photo, in parts of its width and height."""
    box = page.locator("#frame").bounding_box()
    assert box
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
