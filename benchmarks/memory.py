"""Peak memory of one contender in its own process, as reported by the operating system.

The process builds the contender, runs it once on a small photo to load code and libraries, and then
measures a full run: the highest resident memory above what was resident before it (network and
photo). `peak` is called by the benchmarks and starts `python -m benchmarks.memory MODULE CONTENDER
PX BATCH`.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SMALL_PX = 98
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Setup(NamedTuple):
    """What a module's `contender` should build: a name, and the photos' size."""

    name: str
    px: int
    batch: int = 1


Contender = Callable[[Setup], Callable[[], object]]


def _resident(field: str) -> int:
    match = re.search(rf"{field}:\s+(\d+)", STATUS.read_text())
    assert match is not None
    return int(match[1]) * 1024


@contextmanager
def _watching() -> Iterator[Callable[[], int]]:
    """Yields a function that returns the highest resident memory since the start, in bytes."""
    try:
        CLEAR.write_text("5")  # Linux: resets the high-water mark
    except OSError:
        seen, over = [_resident("VmRSS")], threading.Event()

        def sample() -> None:
            while not over.wait(0.001):
                seen[0] = max(seen[0], _resident("VmRSS"))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        yield lambda: seen[0]
        over.set()
    else:
        yield lambda: _resident("VmHWM")


def peak(module: str, asked: Setup) -> int:
    """Bytes, measured in a new process; raises CalledProcessError if the contender fails."""
    # Freed memory is returned to the system at once, so that resident memory is memory in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    command = [sys.executable, "-m", "benchmarks.memory", module, *map(str, asked)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def main(module: str, name: str, px: str, batch: str) -> None:
    """Measure here and print the bytes."""
    contender: Contender = importlib.import_module(module).contender
    asked = Setup(name, int(px), int(batch))
    contender(asked._replace(px=SMALL_PX))()
    run = contender(asked)
    gc.collect()
    time.sleep(0.1)
    before = _resident("VmRSS")
    with _watching() as highest:
        result = run()
        print(highest() - before)
    del result


if __name__ == "__main__":
    main(*sys.argv[1:])
