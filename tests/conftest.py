"""What holds for all tests."""

import os

import pytest

from tests.real_weights import MISSING, real_weights

# Beside other workers a test, and each server that it starts, computes on its share of the cores.
# torch reads this once, when it is imported.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    share = max(1, (os.cpu_count() or 1) // WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test marked `real` is skipped where the file that it needs is not."""
    if real_weights() is not None:
        return
    for item in items:
        if item.get_closest_marker("real") is not None:
            item.add_marker(pytest.mark.skip(reason=MISSING))
