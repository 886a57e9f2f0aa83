"""Examines one family: what capture found, what runs below, and the cost."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import nn

from benchmarks.coverage.counting import SOFTMAX, Use, count
from benchmarks.coverage.families import Family, parameters
from benchmarks.coverage.same import changed_by_watching
from benchmarks.timing import take_turns
from fovea.models.capture import capture
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.places.layout import place, survey
from fovea.models.places.layout_kinds import layout_kind
from fovea.models.records import Site, Trace

SECONDS_OF_TIMING = 0.6
SHORTEST_MS = 10.0
"""A shorter pass is a network with few channels, whose time is dominated by calls."""


@dataclass
class Finding:
    """One row of the page; problem: why the network could not be examined, if so.

    sites, layouts: number of each kind. placed: attention sites whose keys have positions.
    computed: softmaxes and sigmoids counted below capture. missed: those without a site, with their
    use. invented: sites in modules that compute nothing of the kind. changed: what was not bit for
    bit as in an unwatched pass. named: entries of `trace.unseen`.
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
    changed: list[str] = field(default_factory=list)
    named: int = 0
    notes: list[str] = field(default_factory=list)
    overhead: float = 0.0
    survey_s: float = 0.0
    problem: str = ""


def _gates(site: Site) -> bool:
    return SITE_KINDS[site.kind].claim == "gate"


def _fits(site: Site, use: Use) -> bool:
    """Whether the use can belong to the site: the same module, or a part of it that only mixed the
    result (talking heads).
    """
    kind = use.what == SOFTMAX if site.attends else _gates(site)
    within = use.module == site.name or use.module.startswith(f"{site.name}.")
    return kind and within


def _compared(
    uses: list[Use], trace: Trace, classes: dict[str, str]
) -> tuple[list[str], list[str]]:
    """(uses without a site, sites without a use), in words."""
    left = list(uses)
    invented: Counter[str] = Counter()
    for site in trace.sites:
        if not (site.attends or _gates(site)):
            continue
        fitting = [use for use in left if _fits(site, use)]
        if not site.attends:  # a gate that is the same for every photo is not a site
            fitting = [use for use in fitting if not use.constant]
        if not fitting:
            invented[f"{site.kind} in {classes[site.name]}"] += 1
            continue
        # Uses that end like a site first; the same module before a part of it.
        ends = ("its values", "bmm", "mm") if site.attends else ("mul", "mul_")

        def likeness(use: Use, name: str = site.name, ends: tuple[str, ...] = ends) -> list[bool]:
            return [not use.constant, use.went_into in ends, use.module == name]

        left.remove(max(fitting, key=likeness))
    missed: Counter[str] = Counter()
    for use in left:
        missed[f"{use.what} in {classes[use.module]}: {_became(use)}"] += 1
    return _lines(missed), _lines(invented)


def _became(use: Use) -> str:
    if use.constant:
        return "learned, the same for every photo"
    if not use.went_into:
        return "returned"
    if use.entry_by_entry and use.went_into.startswith("mul"):
        return "multiplies as many entries (SiLU, GLU)"
    return f"goes into {use.went_into}"


def _lines(numbers: Counter[str]) -> list[str]:
    return [f"{number} × {text}" for text, number in numbers.items()]


def _has_places(site: Site) -> bool:
    return site.layout is not None and site.layout.keys is not None


@torch.no_grad()
def wake(module: nn.Module) -> None:
    """Sets the weights of zero-initialised norms to one, in place.

    Untrained networks often initialise residual branches that way, which would make their content,
    and any gate in it, the same for every photo.
    """
    for part in module.modules():
        weight = getattr(part, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim == 1 and not weight.any():
            weight.fill_(1)


def look(family: Family) -> Finding:
    """Builds the family's network, runs it alone and captured, and compares."""
    torch.manual_seed(0)
    finding = Finding(family.library, family.name)
    module, inputs, finding.network = family.build()
    wake(module)
    finding.parameters = parameters(module)
    classes = {name: type(part).__name__ for name, part in module.named_modules()}

    finding.changed = changed_by_watching(module, inputs)
    try:
        uses = count(module, inputs)
    except Exception as error:  # what is compiled as a whole is not counted by its kernels
        line = str(error).strip().splitlines() or [""]
        uses, finding.missed = None, [f"not counted: {line[0][:100]}"]
    finding.computed = dict(Counter(use.what for use in uses or ()))

    with torch.inference_mode(), capture(module, features=True) as recording:
        module(**inputs)
    trace = recording.trace
    finding.named = sum(one.times for one in trace.unseen)
    if any(site.attends for site in trace.sites):
        start = time.perf_counter()
        layouts = survey(module, **inputs)
        finding.survey_s = time.perf_counter() - start
        trace = place(trace, layouts)
    with torch.inference_mode():

        def captured() -> None:
            with capture(module):
                module(**inputs)

        start = time.perf_counter()
        module(**inputs)
        rounds = max(1, min(25, int(SECONDS_OF_TIMING / (time.perf_counter() - start) / 2)))
        plain, watched = take_turns(
            [lambda: module(**inputs), captured], rounds, clock=time.thread_time
        )
        if plain.median_ms >= SHORTEST_MS:
            finding.overhead = watched.against(plain)
    finding.sites = {
        kind: number
        for kind in SITE_KINDS
        if (number := sum(site.kind == kind for site in trace.sites))
    }
    attention = [site for site in trace.sites if site.attends]
    finding.layouts = dict(Counter(layout_kind(site) for site in attention))
    finding.placed = sum(map(_has_places, attention))
    finding.notes = sorted({site.note for site in attention if site.note})
    if uses is not None:
        finding.missed, finding.invented = _compared(uses, trace, classes)
    return finding
