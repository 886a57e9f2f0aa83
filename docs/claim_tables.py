"""Writes the tables of docs/claims.md from docs/claims/*.json; docs/claim_figures.py calls it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.claims.claim import SEEDS

DOCS = Path(__file__).parent
RESULTS = DOCS / "claims"
PAGE = DOCS / "claims.md"
TABLE = re.compile(
    r"(<!-- table: (?P<claim>\S+) (?P<scores>\S+) -->\n).*?(<!-- end -->)", re.DOTALL
)

MEASURED = DOCS.parent / "frontend" / "learn" / "measured"
"""What the lesson tells of the claims: the same figures, for the page to fetch."""
TOLD = ("gates", "positions", "receptive_field", "rooms", "scores", "spatial_transformers", "tnt")

Result = Mapping[str, Any]


def result_of(claim: str) -> Result:
    """What the trainings of a claim gave."""
    content: Result = json.loads((RESULTS / f"{claim}.json").read_text(encoding="utf-8"))
    return content


def spoken(name: str) -> str:
    """A variant's or score's name as words."""
    return name.replace("_", " ").replace("val ", "")


def shown(value: float, error: bool) -> float:
    """The value as the figure has it."""
    return 100 * (1 - value) if error else value


def table(claim: str, scores: str) -> str:
    """A Markdown table: one row a variant; scores is a list of names with commas.

    A name with a leading "error:" is written as 100 · (1 - score) in per cent.
    """
    variants = result_of(claim)["variants"]
    wanted = [score.split(":")[::-1] for score in scores.split(",")]
    heads = [f"{'error, %' if how else spoken(name)}" for name, *how in wanted]
    lines = [
        "| | " + " | ".join(heads) + " | parameters | s an epoch |",
        "|---" * (len(heads) + 3) + "|",
    ]
    for name, found in variants.items():
        cells = [cell(found["scores"].get(score), bool(how)) for score, *how in wanted]
        cost = f"{found['parameters']:,} | {found['seconds_per_epoch']:.1f}"
        lines.append(f"| {spoken(name)} | " + " | ".join(cells) + f" | {cost} |")
    return "\n".join(lines) + "\n"


def cell(score: Mapping[str, Any] | None, error: bool) -> str:
    """Mean ± deviation, with as many digits as the deviation bears."""
    if score is None:
        return "–"
    value, seeds = shown(score["mean"], error), len(score["values"])
    if seeds == 1:
        return f"{value:.2f} (one seed)"
    if not score["deviation"]:
        return f"{value:,.0f}"  # a count, the same for every seed
    deviation = (100 if error else 1) * score["deviation"]
    digits = 2 if abs(value) >= 1 else 4
    few = "" if seeds == len(SEEDS) else f" ({seeds} seeds)"
    return f"{value:.{digits}f} ± {deviation:.{digits}f}{few}"


def write_tables() -> None:
    """Every table between its marks, anew."""
    page = PAGE.read_text(encoding="utf-8")
    written = TABLE.sub(
        lambda found: f"{found[1]}{table(found['claim'], found['scores'])}{found[4]}", page
    )
    PAGE.write_text(written, encoding="utf-8")


def measured() -> Mapping[str, bytes]:
    """The files of MEASURED: the mean of every score of the claims, and the features of claim 8."""
    claims = {
        claim: {
            name: {
                "parameters": found["parameters"],
                **{score: result["mean"] for score, result in found["scores"].items()},
            }
            for name, found in result_of(claim)["variants"].items()
        }
        for claim in TOLD
    }
    features = result_of("shipped_features")
    kept = {key: features[key] for key in ("classes", "labels", "networks")}
    return {
        "claims.json": json.dumps({**claims, "reach": result_of("shipped_reach")}).encode(),
        "features.json": json.dumps(kept).encode(),
    }


def write_measured() -> None:
    """Writes the files of MEASURED."""
    MEASURED.mkdir(parents=True, exist_ok=True)
    for name, content in measured().items():
        (MEASURED / name).write_bytes(content + b"\n")
