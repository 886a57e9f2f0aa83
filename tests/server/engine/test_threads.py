"""The inference thread computes with every core, whatever the other threads have been given."""

import subprocess
import sys
from collections.abc import Callable

import torch

from fovea.models.catalog.spec import LoadedModel
from tests.server.conftest import VIT, Running, until


def cores_of_a_fresh_process() -> int:
    """What torch takes where nobody has asked it for less."""
    told = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.get_num_threads())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(told.stdout)


def test_a_pass_in_a_server_that_has_loaded_and_decoded_uses_all_cores(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    server = serve()  # Its loaders and decoders set one core, which torch shares with new threads.
    server.analyse(picture(401))
    until(lambda: server.engine.not_ready is None)  # Its own first pass would share the cores.
    loaded = server.engine.shelf.loaded(VIT)
    assert loaded is not None

    def cores(loaded: LoadedModel, inputs: torch.Tensor) -> int:
        inputs.square().sum()  # The first operation is what sets a thread up.
        return torch.get_num_threads()

    inputs = torch.zeros(1, 3, 160, 160)
    found = server.engine.inference.submit_again(loaded, inputs, cores).result(30)
    assert found == cores_of_a_fresh_process()
