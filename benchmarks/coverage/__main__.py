"""`python -m benchmarks.coverage [part of a name …]`: examines the families and writes the page."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.coverage.families import Family, timm_families, torchvision_families
from benchmarks.coverage.look import Finding, look
from benchmarks.coverage.page import page
from benchmarks.coverage.small.diffusers_networks import diffusers_families
from benchmarks.coverage.small.monai_networks import monai_families
from benchmarks.coverage.small.open_clip_networks import open_clip_families
from benchmarks.coverage.small.segmentation_networks import segmentation_families
from benchmarks.coverage.small.transformers_hub import transformers_families
from benchmarks.coverage.small.vit_pytorch_networks import vit_pytorch_families
from fovea.models.catalog.torchvision_operators import declare_missing_operators

PAGE = Path("docs/coverage.md")
_FORK = multiprocessing.get_context("fork")

LIBRARIES: dict[str, tuple[str, Callable[[], Iterator[Family]]]] = {
    "timm": ("timm", timm_families),
    "torchvision": ("torchvision", torchvision_families),
    "transformers": ("transformers", transformers_families),
    "vit_pytorch": ("vit-pytorch", vit_pytorch_families),
    "segmentation_models_pytorch": ("segmentation-models-pytorch", segmentation_families),
    "diffusers": ("diffusers", diffusers_families),
    "monai": ("monai", monai_families),
    "open_clip": ("open-clip-torch", open_clip_families),
}
"""By the name that is imported: what it is called where it is installed from, and its families."""


def families() -> tuple[list[Family], list[Finding]]:
    """The families of every importable library, and a finding for each library that is missing."""
    declare_missing_operators()
    found: list[Family] = []
    missing = []
    for library, (_, enumerate_families) in LIBRARIES.items():
        try:
            __import__(library)
            found += enumerate_families()
        except (ImportError, RuntimeError, AttributeError) as error:
            missing.append(Finding(library, "all", problem=f"cannot be imported: {error}"))
    return found, missing


def _in_child(family: Family, answers: multiprocessing.connection.Connection) -> None:
    try:
        finding = look(family)
    except Exception as error:  # an error in one family must not end the sweep
        line = str(error).strip().splitlines() or [""]
        problem = f"{type(error).__name__}: {line[0][:200]}"
        finding = Finding(family.library, family.name, problem=problem)
    answers.send(finding)


def look_apart(family: Family, limit_s: float) -> Finding:
    """`look` in a separate process, which may crash or time out."""
    receive, send = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_in_child, args=(family, send), daemon=True)
    child.start()
    send.close()
    problem = f"took longer than {limit_s:.0f} s"
    try:
        if receive.poll(limit_s):
            finding: Finding = receive.recv()
            return finding
    except EOFError:
        problem = "its process ended without an answer"
    finally:
        child.kill()
        child.join()
    return Finding(family.library, family.name, problem=problem)


def versions() -> str:
    """Of all that was looked at."""
    installed = []
    for library, (name, _) in {"torch": ("torch", None), **LIBRARIES}.items():
        if library in sys.modules:
            installed.append(f"{name} {version(name).partition('+')[0]}")
    return ", ".join(installed) + "."


def kept_in(file: Path | None) -> dict[tuple[str, str], Finding]:
    """The findings of an earlier sweep's file, one JSON object a line."""
    if file is None or not file.is_file():
        return {}
    findings = [Finding(**json.loads(line)) for line in file.read_text().splitlines()]
    return {(finding.library, finding.family): finding for finding in findings}


def main() -> None:
    """Examines the families, several at a time; writes the page unless only some are named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("names", nargs="*", help="parts of families' names (default: all)")
    parser.add_argument("--at-once", type=int, default=2, help="families looked at at a time")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one family")
    parser.add_argument(
        "--findings", type=Path, help="write each here as it comes; go on where these end"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)  # before any child: a forked one cannot use its parent's threads
    chosen, findings = families()
    if options.names:
        chosen = [
            family
            for family in chosen
            if any(name in f"{family.library}/{family.name}" for name in options.names)
        ]
    known = kept_in(options.findings)
    started = time.monotonic()

    def found(family: Family) -> Finding:
        earlier = known.get((family.library, family.name))
        if earlier is not None:
            return earlier
        finding = look_apart(family, options.limit)
        if options.findings:
            with options.findings.open("a") as file:
                file.write(json.dumps(asdict(finding), ensure_ascii=False) + "\n")
        return finding

    with ThreadPoolExecutor(options.at_once) as several:
        for number, finding in enumerate(several.map(found, chosen)):
            findings.append(finding)
            print(f"{number + 1} of {len(chosen)}: {finding.family}", file=sys.stderr, flush=True)
    print(f"{len(chosen)} families in {time.monotonic() - started:.0f} s")
    text = page(findings, versions())
    if options.names:
        print(text)
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
