"""Attacks at full size: each was measured to stop a server before there were bounds.

Each is (what it is, what it does); what it does returns the statuses that it got, if any.
"""

from __future__ import annotations

import io
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.load.serving import Process

MEBIBYTE = 1 << 20
Attack = tuple[str, Callable[[], list[int]]]


def photo(seed: int) -> bytes:
    """Noise, 300 × 200."""
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def saved(mode: str, side: int, form: str, **options: Any) -> bytes:
    """One colour, so that a large picture is a small file."""
    buffer = io.BytesIO()
    Image.new(mode, (side, side), 1).save(buffer, form, **options)
    return buffer.getvalue()


def deep_png(side: int) -> bytes:
    """Four channels of 16 bits, all zero: eight bytes a pixel in a file of half a megabyte."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    packer, row = zlib.compressobj(9), bytes(1 + 8 * side)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def post(server: Process, data: bytes, model: str = "vit") -> httpx.Response:
    """A new analysis."""
    asked = {"params": {"model": model}, "files": {"image": data}}
    return httpx.post(f"{server.url}/v1/analyses", **asked, timeout=120, verify=False)


def picture(address: str) -> int:
    """The status of a picture as PNG."""
    png = {"Accept": "image/png"}
    return httpx.get(address, headers=png, timeout=300, verify=False).status_code


def many(count: int, at_once: int, ask: Callable[[int], int]) -> list[int]:
    """The statuses of so many requests, so many of them at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(ask, range(count)))


def attacks(server: Process) -> Iterator[Attack]:
    """Those of the issue that asked for bounds, in its order."""
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port or 80
    made = post(server, saved("1", 8000, "TIFF", compression="group4")).json()
    overlay = f"{server.url}{made['links']['self']}/sites/{made['sites'][-1]['id']}/attention"

    def overlays() -> list[int]:
        def one(n: int) -> int:
            return picture(f"{overlay}?opacity={n / 10}")

        return many(8, 8, one)

    yield "8 overlays of 64 megapixels, PNG", overlays

    wide = post(server, saved("L", 4000, "PNG")).json()
    image = server.url + wide["links"]["image"]

    def images() -> list[int]:
        return many(44, 44, lambda _: picture(image))

    yield "44 photos of 16 megapixels, PNG", images

    small = post(server, photo(1)).json()["links"]["self"]

    def abandoned() -> list[int]:
        for n in range(300):
            with socket.create_connection((host, port), timeout=10) as connection:
                path = f"{small}/maps/relevance?target={n % 100}"
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return []

    yield "300 maps for a class, sockets closed at once", abandoned

    words = " ".join(f"w{n}" for n in range(3_600_000))

    def field(name: str) -> list[int]:
        with suppress(httpx.TransportError):
            form = {"text": (None, "a"), name: (None, words)}
            return [httpx.post(f"{server.url}/v1/analyses", files=form, timeout=60).status_code]
        return [0]

    yield "30 MB of words as the sentence", lambda: field("text")
    yield "30 MB as the model's name", lambda: field("model")

    pictures = [saved("RGB", 8000 - n, "PNG") for n in range(12)]
    yield (
        "12 PNGs of 64 megapixels",
        lambda: many(12, 12, lambda n: post(server, pictures[n]).status_code),
    )
    deep = deep_png(8000)
    yield "a PNG of 64 megapixels, 16 bits, RGBA", lambda: [post(server, deep).status_code]

    def stalled() -> list[int]:
        head = (
            "POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            "Content-Length: 31000000\r\n\r\n"
        )
        with ExitStack() as held:
            for _ in range(40):
                connection = socket.create_connection((host, port), timeout=10)
                held.enter_context(connection)
                connection.settimeout(0.2)
                with suppress(OSError):
                    connection.sendall(head.encode() + bytes(29 * MEBIBYTE))
            return []

    yield "40 uploads that stall at 29 MiB", stalled

    def silent() -> list[int]:
        with ExitStack() as held:
            for n in range(600):
                with suppress(OSError):
                    connection = socket.create_connection((host, port), timeout=10)
                    held.enter_context(connection)
                    if n % 2:  # A head that never ends.
                        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 100)
            return many(20, 4, lambda _: httpx.get(f"{server.url}/healthz", timeout=30).status_code)

    yield "600 silent connections and heads that never end", silent

    def invented() -> list[int]:
        before = len(httpx.get(f"{server.url}/metrics").content)
        with socket.create_connection((host, port), timeout=60) as connection:
            for n in range(10_000):
                connection.sendall(f"M{n} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                connection.recv(65_536)
        grown = len(httpx.get(f"{server.url}/metrics").content) - before
        return [200 if grown < 10_000 else 500]

    yield "10,000 methods that do not exist", invented

    long = "a" * 3000

    def named() -> list[int]:
        return [
            httpx.get(f"{server.url}/v1/models/{long}").status_code,
            post(server, photo(2), long).status_code,
        ]

    yield "a model's name of 3,000 characters", named
