"""A server that looks at one photo at a time, and turns others away until that is done."""

from collections.abc import Iterator

import pytest

from fovea.server.settings import Settings
from tests.server.conftest import OneNetwork, Running, running, until


@pytest.fixture
def narrow() -> Iterator[tuple[Running, OneNetwork]]:
    catalog = OneNetwork()
    catalog.network.open.set()
    with running(Settings(default_model=OneNetwork.ID, queue_size=1), catalog) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        catalog.network.open.clear()
        yield on, catalog
        catalog.network.open.set()
