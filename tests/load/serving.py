"""A server in a process of its own, on loopback, whose memory, files and threads are read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_S = 120


@dataclass(frozen=True)
class Process:
    """The server's process, as /proc shows it."""

    pid: int
    url: str

    def status(self, name: str) -> int:
        """A number of /proc/…/status: VmRSS and VmHWM in kB, Threads."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def forget_peak(self) -> None:
        """VmHWM counts from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def serving(**settings: str) -> Iterator[Process]:
    """A ready server with these settings, FOVEA_ left out of their names."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {f"FOVEA_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "FOVEA_PORT": str(port), "MALLOC_ARENA_MAX": "2", **given}
    server = subprocess.Popen(
        [sys.executable, "-m", "fovea", "serve"], env=environment, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and server.poll() is None:
            try:
                if httpx.get(f"{url}/readyz").is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield Process(server.pid, url)
    finally:
        server.terminate()
        server.wait(30)
