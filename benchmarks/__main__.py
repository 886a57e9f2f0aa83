"""`python -m benchmarks [name …]`: run the named benchmarks, or all of them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from difflib import get_close_matches

BENCHMARKS = {
    "capture": "what capture costs a forward pass, network by network",
    "zoo": "the same of every network that ships",
    "maps": "how long each map takes",
    "editing": "memory of an edited pass, and what a sweep over heads costs",
    "peers": "the same work done by other tools",
    "request": "from a request to its answer",
    "serving": "photos a second, beside a plain FastAPI application",
    "overload": "four times the photos that it can answer, and greedy neighbours",
    "explain": "`fovea explain` over 50 photos, beside a bare loop",
    "batches": "200 photos by one call, beside closed loops; what keeping photos costs",
    "cluster": "two replicas on Ray over one, and four times too many photos (needs Ray)",
    "tiers": "one tier or two on Ray (needs Ray)",
    "devices": "whether another device gives the same answers, and how fast",
    "browser_overlay": "how fast the page draws in a real Chromium",
    "lesson": "how soon the first chapter can be used, and how fast touch answers",
    "page": "first view, pointer, switching and memory of the page in a real Chromium",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run each benchmark in turn; an unknown name ends the command with the closest one."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what Fovea costs. docs/benchmarks.md says what was found.",
        epilog="benchmarks:\n"
        + "\n".join(f"  {name:16} {about}" for name, about in BENCHMARKS.items())
        + "\n\nmake bench ARGS='capture maps' runs these two. "
        "FOVEA_WEIGHTS_DIR names the folder of real weights.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="which to run; all by default")
    names = parser.parse_args(arguments).names
    for name in names:
        if name not in BENCHMARKS:
            close = get_close_matches(name, BENCHMARKS, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            parser.error(f"there is no benchmark {name!r}.{meant} Valid: {', '.join(BENCHMARKS)}.")
    for name in names or BENCHMARKS:
        print(f"\n## {name}\n")
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
