"""One family, looked at: what capture found, what runs below, what it cost."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import torch

from benchmarks.coverage.counting import SIGMOID, SOFTMAX, Count, count
from benchmarks.coverage.families import Family, parameters
from benchmarks.timing import take_turns
from models.capture import capture
from models.layout import place, survey
from models.layout_kinds import layout_kind
from models.records import KINDS, Site, Trace

SECONDS_OF_TIMING = 2.0


@dataclass
class Finding:
    """One row of the page; problem says what went wrong where the network could not be looked at.

    sites, layouts: how many of each kind. placed: attention sites whose keys have places. computed:
    softmaxes and sigmoids counted below capture. missed: what has no site, and what became of it.
    invented: sites in modules that compute nothing of the kind.
    """

    library: str
    family: str
    network: str = ""
    parameters: int = 0
    sites: dict[str, int] = field(default_factory=dict)
    layouts: dict[str, int] = field(default_factory=dict)
    placed: int = 0
    computed: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    overhead: float = 0.0
    survey_s: float = 0.0
    problem: str = ""


def _compared(counted: Count, trace: Trace, classes: dict[str, str]) -> tuple[list[str], list[str]]:
    """(what was computed and has no site, sites that nothing was computed for), in words."""
    missed: Counter[str] = Counter()
    invented: Counter[str] = Counter()
    for what, kinds in (
        (SOFTMAX, {"attention"}),
        (SIGMOID, {"channel-gate", "spatial-gate"}),
    ):
        found = Counter(site.name for site in trace.sites if site.kind in kinds)
        for name, number in (found - counted.by_module(what)).items():
            invented[f"{what} in {classes[name]}"] += number
        for name, number in (counted.by_module(what) - found).items():
            uses = [use for use in counted.uses if (use.what, use.module) == (what, name)]
            # Those that end like a site are the ones that became one.
            uses.sort(key=lambda use: use.went_into in ("its values", "bmm", "mm"))
            for use in uses[:number]:
                into = f"into {use.went_into}" if use.went_into else "returned"
                missed[f"{what} in {classes[name]}, {into}"] += 1
    return _lines(missed), _lines(invented)


def _lines(numbers: Counter[str]) -> list[str]:
    return [f"{number} × {text}" for text, number in numbers.items()]


def _has_places(site: Site) -> bool:
    return site.layout is not None and site.layout.keys is not None


def look(family: Family) -> Finding:
    """Build the family's network, run it alone and captured, and compare."""
    torch.manual_seed(0)
    finding = Finding(family.library, family.name)
    module, inputs, finding.network = family.build()
    finding.parameters = parameters(module)
    classes = {name: type(part).__name__ for name, part in module.named_modules()}

    counted = count(module, lambda: module(**inputs))
    finding.computed = dict(Counter(use.what for use in counted.uses))

    start = time.perf_counter()
    layouts = survey(module, **inputs)
    finding.survey_s = time.perf_counter() - start
    with torch.inference_mode():
        with capture(module, features=True) as recording:
            module(**inputs)
        trace = place(recording.trace, layouts)

        def captured() -> None:
            with capture(module):
                module(**inputs)

        start = time.perf_counter()
        module(**inputs)
        rounds = max(3, min(25, int(SECONDS_OF_TIMING / (time.perf_counter() - start) / 2)))
        plain, watched = take_turns([lambda: module(**inputs), captured], rounds)
        finding.overhead = watched.against(plain)
    finding.sites = {
        kind: number for kind in KINDS if (number := sum(site.kind == kind for site in trace.sites))
    }
    attention = [site for site in trace.sites if site.kind == "attention"]
    finding.layouts = dict(Counter(layout_kind(site) for site in attention))
    finding.placed = sum(map(_has_places, attention))
    finding.notes = sorted({site.note for site in attention if site.note})
    finding.missed, finding.invented = _compared(counted, trace, classes)
    return finding
