"""Writes the tables of claim 11 in docs/claims.md from docs/claims/shipped_parts.json; called by
docs/claim_figures.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULT = DOCS / "claims" / "shipped_parts.json"
PAGE = DOCS / "claims.md"
PARTS = re.compile(r"(<!-- (?P<name>parts|rho) -->\n).*?(<!-- end -->)", re.DOTALL)

KINDS = {
    "head": "a head, off",
    "layer": "an attention, skipped",
    "gate": "a gate, opened",
    "channel": "a channel, shut",
}


def _told(figure: Mapping[str, Any] | None, factor: float = 1, digits: int = 2) -> str:
    if figure is None:
        return "–"
    mean, deviation = (factor * figure[name] for name in ("mean", "deviation"))
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def parts(told: Mapping[str, Any]) -> str:
    """What each kind of part is worth, a row for each network that has it."""
    lines = [
        "| network | part | tried | costs the class, points | cost under 1 point, % "
        "| the same on other photos, ρ | the dearest | costs, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network, found in told["networks"].items():
        for kind, name in KINDS.items():
            if kind not in found:
                continue
            own = found[kind]
            _, site, number = own["most"]["part"].split("/")
            path = found["sites"][site][0]
            which = f" {number}" if kind in ("head", "channel") else ""
            lines.append(
                f"| `{network}` | {name} | {own['parts']} | {_told(own['probability'], 100)} "
                f"| {_told(own['little'], 100, 0)} | {_told(own['stable'])} "
                f"| `{path}`{which} | {_told(own['most']['probability'], 100, 1)} |"
            )
    return "\n".join(lines) + "\n"


def rho(told: Mapping[str, Any]) -> str:
    """How well each map predicts what hiding a patch does, a row for each map."""
    lines = [
        "| network | map | ρ with the effects | a blob in the middle | edges | at random |",
        "|---|---|---|---|---|---|",
    ]
    for network, found in told["networks"].items():
        for name, own in found["rho"].items():
            known = " | ".join(_told(own.get(one)) for one in ("rho", "centre", "edges", "random"))
            lines.append(f"| `{network}` | `{name}` | {known} |")
    return "\n".join(lines) + "\n"


def told() -> Mapping[str, Any]:
    """The result file."""
    content: Mapping[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return content


def written(page: str) -> str:
    """The page with both tables as the result file has them."""
    tables = {"parts": parts(told()), "rho": rho(told())}
    return PARTS.sub(lambda found: f"{found[1]}{tables[found['name']]}{found[3]}", page)


def write_part_tables() -> None:
    """Both tables, rewritten."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_part_tables()
