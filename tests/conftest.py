"""What holds for all tests."""

import pytest

from tests.real_weights import MISSING, real_weights


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test marked `real` is skipped where the file that it needs is not."""
    if real_weights() is not None:
        return
    for item in items:
        if item.get_closest_marker("real") is not None:
            item.add_marker(pytest.mark.skip(reason=MISSING))
