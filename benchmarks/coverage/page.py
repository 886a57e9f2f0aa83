"""docs/coverage.md: the findings as tables."""

from __future__ import annotations

from benchmarks.coverage.look import Finding
from benchmarks.timing import table

HEADER = (
    "family",
    "network",
    "attention",
    "gates",
    "computed",
    "layout",
    "places",
    "capture / plain",
    "not a site, and why",
)

INTRODUCTION = """# Coverage

What `capture` finds in other people's networks, unmodified. Written by `make coverage`; not edited
by hand. One network for every architecture family, the smallest there is, with random weights.

- **attention, gates**: the sites that capture found.
- **computed**: softmaxes and sigmoids that ran, counted independently, at the kernels below.
- **layout**: how the tokens lie on the photo, and at how many sites.
- **places**: at how many attention sites the cells of the tokens are known.
- **capture / plain**: median time of a captured pass over a plain one, taking turns, one thread.
- **not a site, and why**: what was computed without becoming a site, by the class that computed it
  and by what its result went into.
"""


def _row(finding: Finding) -> list[str]:
    if finding.problem:
        return [finding.family, finding.network, "", "", "", "", "", "", finding.problem]
    sites = finding.sites
    attention = sites.get("attention", 0)
    gates = sites.get("channel-gate", 0) + sites.get("spatial-gate", 0)
    computed = ", ".join(f"{number} {what}" for what, number in sorted(finding.computed.items()))
    layouts = ", ".join(f"{kind} {number}" for kind, number in finding.layouts.items())
    remarks = [*finding.missed, *(f"**invented**: {text}" for text in finding.invented)]
    return [
        finding.family,
        finding.network,
        str(attention or ""),
        str(gates or ""),
        computed,
        layouts,
        f"{finding.placed}/{attention}" if attention else "",
        f"{finding.overhead:.2f}" if finding.overhead else "",
        "; ".join(remarks),
    ]


def page(findings: list[Finding], versions: str) -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION, versions + "\n"]
    for library in dict.fromkeys(finding.library for finding in findings):
        rows = [_row(finding) for finding in findings if finding.library == library]
        parts.append(f"## {library}\n\n{table(HEADER, rows)}\n")
    return "\n".join(parts)
