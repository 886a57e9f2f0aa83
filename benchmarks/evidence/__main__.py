"""`python -m benchmarks.evidence`: scores every map on every bundled classifier.

Writes models/evidence/measured.json and, from it, docs/evidence.md. Existing measurements are
reused; `--report` only writes the documents.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.evidence.measure import PLANS, catalogue, lines, measure
from benchmarks.evidence.page import page
from benchmarks.evidence.report import measured, protocol
from fovea.models.evidence.measured import FILE

PAGE = Path("docs/evidence.md")
LEAST = 50
"""Minimum number of photos for a reported figure."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("networks", nargs="*", help="only these", metavar="NETWORK")
    parser.add_argument("--data", help="folder of the photos (FOVEA_DATA_DIR)")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/evidence"), help="what is measured, a line a photo"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing more")
    options = parser.parse_args()
    data = Path(options.data or os.environ.get("FOVEA_DATA_DIR") or "data")
    get = catalogue()
    for name in () if options.report else options.networks or PLANS:
        measure(name, data, options.runs, get)
    write(options.runs)


def write(runs: Path) -> None:
    """Writes the figures of all measured networks, and their page."""
    known = {name: measured(lines(runs / f"{name}.jsonl")) for name in PLANS}
    told = {
        "protocol": protocol(),
        "networks": {name: one for name, one in known.items() if one["photos"] >= LEAST},
    }
    FILE.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(told), encoding="utf-8")


if __name__ == "__main__":
    main()
