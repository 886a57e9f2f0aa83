"""`python -m benchmarks.coverage.edits [part of a name …]`: every edit on every family that has its
kind of site, each against what it is defined to be (docs/what-if.md).

The first and the last site of each kind are edited. What attends, or gates, in the edited pass is
compared in float64 with what follows from the plain pass; what a head's `off` does with the same
network whose joining matrix has zero columns, where the attention has one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.coverage.__main__ import families
from benchmarks.coverage.edit_batches import BATCHED, together
from benchmarks.coverage.edit_checks import CHECKS, Subject, differs, tensors_in
from benchmarks.coverage.families import Family
from benchmarks.coverage.look import wake
from fovea.models.capture import capture
from fovea.models.editing.run import edit
from fovea.models.edits import (
    EDITS,
    Edit,
    RefusedEdit,
    from_json,
    positions_off,
    positions_shuffle,
)
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.places.layout import place, survey
from fovea.models.records import Site, Trace

CLOSE, SAME = 1e-5, 1e-6
BY_SITE = frozenset(EDITS) - {"skip", "positions-off", "positions-shuffle"}
_FORK = multiprocessing.get_context("fork")


@dataclass
class Tried:
    """What became of one family. right, refused, wrong: lines "edit site: why"."""

    library: str
    family: str
    kinds: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    problem: str = ""


def ends_of(trace: Trace) -> Iterator[Site]:
    """The first and the last site of each kind."""
    by_kind: dict[str, list[Site]] = {}
    for site in trace.sites:
        by_kind.setdefault(site.kind, []).append(site)
    for sites in by_kind.values():
        yield from dict.fromkeys((sites[0], sites[-1]))


def attempt(tried: Tried, name: str, check: Callable[[], str | None]) -> None:
    """Try one edit, and note what became of it."""
    try:
        why = check()
    except RefusedEdit as error:
        tried.refused.append(f"{name}: {error}")
        return
    except Exception as error:  # one edit must not end the sweep
        line = str(error).strip().splitlines() or [""]
        tried.wrong.append(f"{name}: {type(error).__name__}: {line[0][:160]}")
        return
    if why is None:
        tried.right.append(name)
    else:
        tried.wrong.append(f"{name}: {why}")


def subject_of(family: Family) -> Subject:
    """A family's network, with its plain pass."""
    torch.manual_seed(0)
    module, inputs, _ = family.build()
    module.eval()
    wake(module)
    with torch.no_grad():
        result = tensors_in(module(**inputs))
        with capture(module, features=True) as seen:
            module(**inputs)
    layouts = survey(module, **inputs)
    return Subject(module, dict(inputs), place(seen.trace, layouts), layouts, result)


def tried_on(family: Family) -> Tried:
    """Every edit on one family."""
    tried = Tried(family.library, family.name)
    subject = subject_of(family)
    kinds = dict.fromkeys(
        SITE_KINDS[site.kind].edited_as or site.kind for site in subject.trace.sites
    )
    tried.kinds = list(kinds)
    if not subject.trace.sites:
        return tried

    def empty() -> str | None:
        with torch.no_grad(), edit(subject.module):
            again = tensors_in(subject.module(**subject.inputs))
        pairs = zip(again, subject.result, strict=True)
        return None if all(torch.equal(a, b) for a, b in pairs) else "bits changed"

    attempt(tried, "no edits", empty)
    for site in ends_of(subject.trace):
        for name, check in CHECKS.get(SITE_KINDS[site.kind].edited_as, {}).items():
            attempt(tried, f"{name} {site.id} ({site.kind})", partial(check, subject, site))
    for site in {one.kind: one for one in ends_of(subject.trace)}.values():
        for change in BATCHED.get(SITE_KINDS[site.kind].edited_as, ()):
            given = from_json({**change, "site": site.id})
            attempt(tried, f"two photos, {given.edit} {site.id}", partial(together, subject, given))
    if "attention" in kinds:
        for one in (positions_off(), positions_shuffle(1)):

            def moved(change: Edit = one) -> str | None:
                _, found, _ = subject.edited(change)
                return None if differs(found, subject.result) > 0 else "nothing changed"

            attempt(tried, one.edit, moved)
    with torch.no_grad():
        again = tensors_in(subject.module(**subject.inputs))
    if not all(torch.equal(a, b) for a, b in zip(again, subject.result, strict=True)):
        tried.wrong.append("afterwards the network answers otherwise")
    return tried


def _in_child(family: Family, answers: Any) -> None:
    try:
        answers.send(tried_on(family))
    except Exception as error:  # one family must not end the sweep
        line = str(error).strip().splitlines() or [""]
        problem = f"{type(error).__name__}: {line[0][:200]}"
        answers.send(Tried(family.library, family.name, problem=problem))


def apart(family: Family, limit_s: float) -> Tried:
    """`tried_on` in a process of its own, which may crash or take too long."""
    receive, send = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_in_child, args=(family, send), daemon=True)
    child.start()
    send.close()
    problem = f"took longer than {limit_s:.0f} s"
    try:
        if receive.poll(limit_s):
            found: Tried = receive.recv()
            return found
    except EOFError:
        problem = "its process ended without an answer"
    finally:
        child.kill()
        child.join()
    return Tried(family.library, family.name, problem=problem)


def main() -> None:
    """Try the edits, one family after the other; what was tried is kept and not tried again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage.edits")
    parser.add_argument("names", nargs="*", help="parts of families' names (default: all)")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one family")
    parser.add_argument("--findings", type=Path, default=Path("runs/edits.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen, _ = families()
    if options.names:
        chosen = [
            one
            for one in chosen
            if any(name in f"{one.library}/{one.name}" for name in options.names)
        ]
    known = set()
    if options.findings.is_file():
        known = {
            (line["library"], line["family"])
            for line in map(json.loads, options.findings.read_text().splitlines())
        }
    options.findings.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for number, family in enumerate(chosen):
        if (family.library, family.name) in known:
            continue
        found = apart(family, options.limit)
        with options.findings.open("a") as file:
            file.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")
        print(
            f"{number + 1} of {len(chosen)}: {found.family}: {len(found.right)} right, "
            f"{len(found.refused)} refused, {len(found.wrong)} wrong {found.problem}",
            file=sys.stderr,
            flush=True,
        )
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
