"""`python -m benchmarks.evidence`: score every map on every classifier that ships."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.evidence.measure import PLANS, catalogue, measure


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("networks", nargs="*", help="only these", metavar="NETWORK")
    parser.add_argument("--data", help="folder of the photos (FOVEA_DATA_DIR)")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/evidence"), help="what is measured, a line a photo"
    )
    options = parser.parse_args()
    data = Path(options.data or os.environ.get("FOVEA_DATA_DIR") or "data")
    get = catalogue()
    for name in options.networks or PLANS:
        measure(name, data, options.runs, get)


if __name__ == "__main__":
    main()
