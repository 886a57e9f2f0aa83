"""What an edit costs: peak memory of an edited pass beside a plain one, and a sweep over heads
beside as many forward passes.

Memory: at 1,370 tokens (DINOv2's ViT-S/14 at 518 px), peak resident memory above network, photo and
what is known of its sites. Time: the CPU time of one thread, taking turns, on a network of ViT-B's
width and heads with three of its twelve layers; the sweep finds the sites itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import fovea
from benchmarks.memory import Asked, peak
from benchmarks.timing import table, take_turns
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.editing.run import edited
from fovea.models.edits import Edit, block, off
from fovea.models.places.layout import survey
from fovea.models.running.inference import run

NETWORK, PX = "vit_small_patch14_dinov2", 518
SWEPT, LAYERS = "vit_base_patch16_224", 3
ROUNDS = 3

EDITS: dict[str, tuple[Edit, ...]] = {
    "plain": (),
    "off": (off("s05", heads=[0, 2]),),
    "block": (block("s05", queries=list(range(1, 11)), keys=[3, 40, 41]),),
}


def _built(name: str, **options: Any) -> nn.Module:
    declare_missing_operators()
    import timm

    network: nn.Module = timm.create_model(name, **options).eval()
    return network


def contender(asked: Asked) -> Callable[[], object]:
    """A pass with the edits of this name, their sites known."""
    torch.set_num_threads(1)
    network = _built(NETWORK, img_size=PX, dynamic_img_size=True)
    photo = torch.randn(asked.batch, 3, asked.px, asked.px)
    edits = EDITS[asked.name]
    layouts = survey(network, photo)
    _, (trace,) = run(network, photo, layouts)

    def once() -> object:
        with torch.inference_mode():
            if not edits:
                return network(photo)
            with edited(network, edits, trace, layouts, (photo,)) as changed:
                return changed(photo)

    return once


def _sweep() -> tuple[int, float]:
    """(passes, CPU time of a sweep over that of as many plain passes)."""
    torch.set_num_threads(1)
    network = _built(SWEPT, depth=LAYERS)
    photo = torch.randn(1, 3, 224, 224)
    passes = fovea.sweep(network, photo).values.numel() + 1

    def plain() -> None:
        with torch.inference_mode():
            for _ in range(passes):
                network(photo)

    sweep, forward = take_turns(
        [lambda: fovea.sweep(network, photo), plain], ROUNDS, clock=time.process_time
    )
    return passes, sweep.against(forward)


def main() -> None:
    """Print both tables."""
    found = {name: peak(__name__, Asked(name, PX)) for name in EDITS}
    rows = [
        [name, f"{size / 2**20:.1f}", f"{size / found['plain']:.2f}"]
        for name, size in found.items()
    ]
    print(table(["pass at 1,370 tokens", "peak, MiB", "of plain"], rows), end="\n\n")
    passes, ratio = _sweep()
    print(table(["sweep over heads", "passes", "of as many passes"],
                [[f"{SWEPT}, {LAYERS} layers", str(passes), f"{ratio:.2f}"]]))  # fmt: skip


if __name__ == "__main__":
    main()
