"""The cost of an edit: peak memory of an edited pass against a plain one, and a head sweep against
as many forward passes.

Memory: at 1,370 tokens (DINOv2's ViT-S/14 at 518 px), peak resident memory above network, photo and
known sites. Time: single-thread CPU time, alternating, on a network with ViT-B's width and heads
and three of its twelve layers; the sweep finds the sites itself.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import torch
from torch import nn

import fovea
from benchmarks.memory import Setup, peak
from benchmarks.timing import table, take_turns
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.editing.run import edited
from fovea.models.edits import Edit, block, off
from fovea.models.places.layout import survey
from fovea.models.running.inference import run
from fovea.server.answers.subject import learned_of
from fovea.server.commands.common import catalogue
from fovea.server.commands.session import loaded, looking
from fovea.server.engine.conclude import to_input
from fovea.server.settings import load as load_settings
from fovea.server.wire import schemas

NETWORK, PX = "vit_small_patch14_dinov2", 518
SWEPT, LAYERS = "vit_base_patch16_224", 3
ROUNDS = 3
VIT_TI = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
PHOTO = Path("frontend/samples/sunflower.jpg")

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


def contender(asked: Setup) -> Callable[[], object]:
    """A pass with the named edits and known sites."""
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
    """(passes, CPU time of a sweep relative to as many plain passes)."""
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


async def _answers(model: str) -> tuple[float, float]:
    """Median milliseconds of CPU time: of a plain pass, and from edits to the answer's JSON."""
    settings = load_settings()
    passes, answers = [], []
    async with looking(catalogue(settings), settings) as engine:
        await loaded(engine, model)
        analysis = await engine.analyse(PHOTO.read_bytes(), model)
        await learned_of(engine, analysis)
        network = engine.shelf.loaded(model)
        assert network is not None
        inputs, _ = to_input(analysis.photo, network.spec)
        for turn in range(12):
            begun = time.process_time()
            with torch.inference_mode():
                network.module(inputs)
            between = time.process_time()
            site = analysis.trace.sites[-1 - turn % 6].id
            kept = await engine.edited(analysis, (off(site, heads=[turn // 6]),))
            subject = await learned_of(engine, kept)
            orjson.dumps(schemas.analysis(kept, subject, analysis))
            passes.append(between - begun)
            answers.append(time.process_time() - between)
    return 1000 * statistics.median(passes), 1000 * statistics.median(answers)


def main() -> None:
    """Print the tables."""
    found = {name: peak(__name__, Setup(name, PX)) for name in EDITS}
    rows = [
        [name, f"{size / 2**20:.1f}", f"{size / found['plain']:.2f}"]
        for name, size in found.items()
    ]
    print(table(["pass at 1,370 tokens", "peak, MiB", "of plain"], rows), end="\n\n")
    passes, ratio = _sweep()
    print(table(["sweep over heads", "passes", "of as many passes"],
                [[f"{SWEPT}, {LAYERS} layers", str(passes), f"{ratio:.2f}"]]))  # fmt: skip

    torch.set_num_threads(1)
    rows = [
        [model.split(".")[0], *(f"{one:.0f} ms" for one in asyncio.run(_answers(model)))]
        for model in ("vit", VIT_TI)
        if model == "vit" or settings_have_weights()
    ]
    print()
    print(table(["a head switched off", "plain pass", "edit to answer"], rows))


def settings_have_weights() -> bool:
    """Whether the weights folder has the ImageNet ViT."""
    folder = load_settings().weights_dir
    return folder is not None and (folder / f"{VIT_TI}.safetensors").is_file()


if __name__ == "__main__":
    main()
