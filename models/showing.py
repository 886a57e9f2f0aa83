"""How records show themselves in a prompt and in a notebook: a short line, a table, an image.

Records inherit from these classes; nothing here depends on specific records.
"""

from __future__ import annotations

import html
import struct
import zlib
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

VIRIDIS = bytes.fromhex(
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c"
    "1f9f88 27ad81 3dbc74 5cc863 81d34d aadc32 d5e21a fde725"
)
"""Seventeen of the 256 colours; the others are interpolated."""

NOTHING = 255
"""The index of the transparent colour, for NaN."""

PICTURE_PX = 280
"""Approximate width of a map's image; cells are whole pixels."""


class Short:
    """A record of tensors that shows shapes instead of numbers."""

    __slots__ = ()

    def __repr__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        told = (f"{name}={_short(value)}" for name, value in values.items() if value is not None)
        return f"{type(self).__name__}({', '.join(told)})"


def _short(value: Any) -> str:
    return "×".join(map(str, value.shape)) if isinstance(value, Tensor) else repr(value)


class ShortSite:
    """A site in one line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Site({', '.join(part for part in _site(self) if part)})"


class Sites:
    """Sites as a count in a prompt, and as a table in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        sites = self.sites  # type: ignore[attr-defined]
        kinds = [site.kind for site in sites]
        counted = ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds))
        return f"{type(self).__name__}({counted or 'no sites'})"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("site", "kind", "layer", "module", "", ""))
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(part)}</td>" for part in _site(site)) + "</tr>"
            for site in self.sites  # type: ignore[attr-defined]
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _site(site: Any) -> tuple[str, ...]:
    """(id, kind, layer, module, size, grid)."""
    if site.heads is not None:
        size = f"{site.heads} heads, {site.queries}×{site.keys}"
    else:
        size = f"{site.channels} channels" if site.channels else ""
    grid = f"grid {site.grid.rows}×{site.grid.columns}" if site.grid else ""
    return site.id, site.kind, f"layer {site.layer}", site.name or "(the network)", size, grid


class Picture:
    """Values with axes and a sentence: one line in a prompt, their picture in a notebook."""

    __slots__ = ()

    values: Tensor
    axes: tuple[str, ...]
    sentence: str

    def __repr__(self) -> str:
        shape = " × ".join(
            f"{n} {axis}" for n, axis in zip(self.values.shape, self.axes, strict=True)
        )
        finite = self.values[self.values.isfinite()]
        span = f"{float(finite.min()):.4g} to {float(finite.max()):.4g}" if len(finite) else "empty"
        return f"{type(self).__name__}({shape}, {span}: {self.sentence!r})"

    def _repr_png_(self) -> bytes | None:
        """One map, or several heads side by side; None if there are more axes."""
        return png(self.values) if self.values.ndim in (2, 3) else None


def png(values: Tensor) -> bytes:
    """Values (row, column), or (head, row, column) side by side, in viridis from minimum to
    maximum; NaN is transparent.
    """
    planes = values.detach().float().cpu()
    planes = planes[None] if planes.ndim == 2 else planes
    finite = planes[planes.isfinite()]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    levels = (
        ((planes - low) / ((high - low) or 1) * (NOTHING - 1)).nan_to_num().round().to(torch.uint8)
    )
    levels[~planes.isfinite()] = NOTHING
    apart = torch.full((*levels.shape[:2], 1), NOTHING, dtype=torch.uint8)
    cells = torch.cat([part for level in zip(levels, apart, strict=True) for part in level][:-1], 1)
    size = max(1, PICTURE_PX // cells.shape[1])
    pixels = cells.repeat_interleave(size, 0).repeat_interleave(size, 1)
    height, width = pixels.shape
    lines = b"".join(b"\0" + bytes(line.tolist()) for line in pixels)
    return b"".join((
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", _palette()),
        _chunk(b"tRNS", b"\xff" * NOTHING + b"\0"),
        _chunk(b"IDAT", zlib.compress(lines)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _palette() -> bytes:
    """256 colours; the last one is transparent."""
    known = torch.tensor(list(VIRIDIS), dtype=torch.float32).view(1, -1, 3).transpose(1, 2)
    mixed = torch.nn.functional.interpolate(known, NOTHING, mode="linear", align_corners=True)
    return bytes(mixed[0].T.round().to(torch.uint8).flatten().tolist()) + b"\0\0\0"


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Length, kind, content, checksum (PNG specification, 5.3)."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
