"""The cost of every bundled network: its forward pass, and capture relative to it.

A network that writes is measured at the captured pass over its own words; writing them is not
counted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.timing import table, take_turns
from fovea.models.capture import capture
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.shipped import bundled
from fovea.models.catalog.spec import LoadedModel
from fovea.models.networks.decoder import END, START
from fovea.models.running.tasks import FIRST_WORD, task_of

ROUNDS = 25
WORDS = 8
"""Length of the sentences that networks read and write here."""


def inputs_of(loaded: LoadedModel) -> tuple[Tensor, ...]:
    """The input of the network's pass: noise for a photo, the first words for a sentence."""
    task, wanted = task_of(loaded.spec.task), loaded.spec.preprocessing
    words = torch.arange(FIRST_WORD, FIRST_WORD + WORDS).unsqueeze(0)
    if task.reads == "text":
        read = torch.cat([words, torch.tensor([[END]])], dim=1)
    else:
        assert wanted is not None
        read = torch.randn(1, wanted.channels, *wanted.crop_px)
    if not task.writes:
        return (read,)
    return read, torch.cat([torch.tensor([[START]]), words], dim=1)


def measure(name: str) -> list[str]:
    """One row of the table."""
    loaded = Catalog().load(name)
    inputs, kept = inputs_of(loaded), [0]

    def captured() -> None:
        with capture(loaded.module, features=True) as recording:
            loaded.module(*inputs)
        kept[0] = recording.trace.nbytes

    contenders: list[Callable[[], object]] = [lambda: loaded.module(*inputs), captured]
    with torch.inference_mode():
        plain, with_capture = take_turns(contenders, ROUNDS)
    return [
        name,
        f"{loaded.spec.parameters:,}",
        f"{plain.median_ms:.1f} ms",
        f"{with_capture.against(plain):.2f}",
        f"{kept[0] / 1e6:.2f} MB",
    ]


def main() -> None:
    """Print the table."""
    rows = [measure(name) for name in bundled()]
    header = ("network", "parameters", "forward pass", "with capture / plain", "kept")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch 1, float32\n")
    print(table(header, rows))


if __name__ == "__main__":
    main()
