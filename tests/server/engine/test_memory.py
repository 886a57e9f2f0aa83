"""What is freed goes back to the operating system."""

import subprocess
import sys
from pathlib import Path

import pytest

FREED = """
import torch
from pathlib import Path
from fovea.server.engine import memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) << 10

memory.settle()
kept = [torch.ones(250_000) for _ in range(200)]  # 200 MB in blocks of one
least = [kept.pop(), kept.pop(1)]
full = resident()
kept = None
before = resident()
memory.give_back()
print(full, before, resident())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_between_what_is_still_used_is_given_back() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FREED], capture_output=True, text=True, check=True, timeout=120
    )
    full, before, after = map(int, told.stdout.split())
    assert after < full - 150_000_000
    assert before > after  # It was kept until then: passes take it up again without faults.
