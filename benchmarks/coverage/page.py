"""docs/coverage.md: the findings as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
    "bits",
    "named",
    "capture / plain",
    "not a site, and why",
)

INTRODUCTION = """# Coverage

What `capture` finds in other people's networks, unmodified. Written by `make coverage`; not edited
by hand. For every architecture family the smallest network that its library has, with random
weights; networks of more than 50 million parameters with 4 blocks, and those for photos above
256 px at 224, where they can be built so. The networks of all libraries but timm and torchvision
are built from small configurations. None of the libraries is a dependency.

No build of torchvision for CPUs matches this torch, so the one for CUDA is installed. Its own
operators (`nms`, `roi_align`, `deform_conv2d`) cannot run with it, and its detectors are looked at
without what follows the backbone. Everything else in it is plain torch.
"""

LEGEND = """How to read a row:

- **attention, gates**: the sites that capture found.
- **computed**: softmaxes and sigmoids that ran, counted independently, at the kernels below.
- **layout**: how the tokens lie on the photo, and at how many sites. *global*: all patches look at
  all. *pyramid*: at larger or smaller patches. *class-only*: one query that is no patch. *window*,
  *shifted window*, *axial*, *grid* (every n-th cell), *neighbourhood* (windows that overlap).
  *cross*: queries without a place (words, object queries, learned queries, channels) look at
  places. *channel×channel* and *placeless* (words at words) have no places. *unknown*: where the
  queries or the keys are could not be followed, so they are shown as a matrix with a note.
- **places**: at how many attention sites the cells of the keys are known.
- **bits**: whether outputs, buffers and random numbers were bit for bit as in a pass that nobody
  watched; what was not is told.
- **named**: how often capture itself named something that is no site (`trace.unseen`).
- **capture / plain**: median CPU time of a captured pass over a plain one, taking turns in one
  process on one thread; left empty under 10 ms, where it is all calls and no arithmetic. Families
  are looked at two at a time, so a single ratio is a rough one: the median over all is given above.
  [benchmarks.md](benchmarks.md) measures three networks with care.
- **not a site, and why**: what was computed without becoming a site, by the class that used it and
  by what came of it. A sigmoid that multiplies as many entries as it has is an activation (SiLU,
  GLU), no gate; one of parameters alone is the same for every photo, which is tried with two.
  Sites in modules that compute nothing of the kind would be listed here as **invented**.
"""


def _gates(finding: Finding) -> int:
    return sum(
        finding.sites.get(kind, 0) for kind in ("channel-gate", "spatial-gate", "strip-gate")
    )


def _row(finding: Finding) -> list[str]:
    if finding.problem:
        return [finding.family, finding.network, "", "", "", "", "", "", "", "", finding.problem]
    attention, gates = finding.sites.get("attention", 0), _gates(finding)
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
        ", ".join(finding.changed) or "same",
        str(finding.named or ""),
        f"{finding.overhead:.2f}" if finding.overhead else "",
        "; ".join(remarks),
    ]


def _summary(findings: Sequence[Finding]) -> str:
    looked = [finding for finding in findings if not finding.problem]
    layouts: Counter[str] = Counter()
    for finding in looked:
        layouts.update(finding.layouts)
    attention = sum(layouts.values())
    ratios = sorted(finding.overhead for finding in looked if finding.overhead)
    lines = [
        f"- {len(looked)} of {len(findings)} networks were looked at; "
        f"{sum(bool(finding.layouts) or bool(_gates(finding)) for finding in looked)} of them "
        "attend or gate.",
        f"- {attention} attention sites and {sum(map(_gates, looked))} gates; "
        f"{sum(len(finding.invented) for finding in looked)} networks with sites that nothing was "
        "computed for.",
        f"- {sum(not finding.changed for finding in looked)} of {len(looked)} gave the same bits "
        "watched and unwatched, and left the same buffers and random numbers.",
        "- Layouts: "
        + ", ".join(f"{kind} {number}" for kind, number in layouts.most_common())
        + f". Places are known at {sum(finding.placed for finding in looked)} sites.",
    ]
    if ratios:
        middle = ratios[len(ratios) // 2]
        lines.append(f"- Capture / plain: {middle:.2f} in the median of {len(ratios)} networks.")
    return "\n".join(lines) + "\n"


def page(findings: Sequence[Finding], versions: str) -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION, versions + "\n", _summary(findings), LEGEND]
    for library in dict.fromkeys(finding.library for finding in findings):
        rows = [_row(finding) for finding in findings if finding.library == library]
        parts.append(f"## {library}\n\n{table(HEADER, rows)}\n")
    return "\n".join(parts)
