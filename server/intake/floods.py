"""Refuses files of very many very small parts: Pillow walks over them in Python, for seconds or
minutes, and they hold no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fovea.server.intake import jpeg, png
from fovea.server.problems import CorruptImage

FREE, BYTES_EACH = 65_536, 256
"""So many parts may be of any size; a file may have one more for each so many of its bytes."""


def check_parts(data: bytes, file_format: str) -> None:
    """Raises CorruptImage for a file with more parts than a picture has; costs some milliseconds
    at most.
    """
    parts = _PARTS.get(file_format)
    if parts is None:
        return
    most = FREE + len(data) // BYTES_EACH
    for count, _ in enumerate(parts(data)):
        if count > most:
            raise CorruptImage(
                f"The {file_format} file has more than {most:,} parts; no picture has so many."
            )


def _of_gif(data: bytes) -> Iterator[int]:
    """The blocks and sub-blocks up to the second frame (GIF89a specification, 1990)."""
    at = 13 + _table(data, 10)
    frames = 0
    while at < len(data) and data[at] in (0x21, 0x2C):
        frames += data[at] == 0x2C
        if frames > 1:
            return
        at += 2 if data[at] == 0x21 else 11 + _table(data, at + 9)
        while at < len(data) and data[at]:
            yield at
            at += data[at] + 1
        yield at
        at += 1


def _table(data: bytes, at: int) -> int:
    """Bytes of the colour table that this byte of flags announces."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


PADDING = 16
"""Bytes between the segments of a JPEG that count as one part: Pillow skips them one by one."""


def _of_jpeg(data: bytes) -> Iterator[int]:
    for _, _, padding in jpeg.markers(data):
        yield from range(1 + padding // PADDING)


_PARTS: dict[str, Callable[[bytes], Iterator[object]]] = {
    "GIF": _of_gif,
    "JPEG": _of_jpeg,
    "PNG": png.chunks,
}
