"""`fovea models`: lists the networks and whether they are ready to use."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from fovea.server.commands.common import (
    DONE,
    FAILED,
    add_offline,
    bytes_in_words,
    catalogue,
    say,
    settings_for,
    table,
)

if TYPE_CHECKING:
    from fovea.models.catalog.catalog import Catalog
    from fovea.models.catalog.spec import ModelSpec

SUMMARY = "list and find networks"
DESCRIPTION = (
    "List the networks that run without a download: bundled ones, those in your weights folder\n"
    "and those of your model folder. With words, also find timm's on the hub."
)
EPILOG = """\
examples:
  fovea models                       what runs here and now
  fovea models vit small dinov2      every name with all three words, the hub's too
  fovea models --json | jq '.[].id'

status:  ready        here
         available    comes from the hub at first use
         unavailable  cannot be used; the line below says why
"""
MOST = 50


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea models`."""
    parser.add_argument(
        "words", nargs="*", metavar="word", help="part of the name; with several, all of them"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with titles and licences")
    parser.add_argument(
        "--limit", type=int, default=MOST, metavar="N", help=f"the maximum ({MOST})"
    )
    add_offline(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the catalogue; returns 1 if nothing matched."""
    catalog = catalogue(settings_for(options))
    words = " ".join(options.words)
    found = catalog.search(words, options.limit) if words else catalog.listed()[: options.limit]
    rows = [describe(spec, catalog) for spec in found]
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return DONE
    if not rows:
        say(f"No network has {words!r} in its name. Fewer words find more.")
        return FAILED
    columns = [
        (row["id"], _mechanisms(row), bytes_in_words(row["size_bytes"]), row["status"], _score(row))
        for row in rows
    ]
    print(table(("id", "mechanisms", "size", "status", "score"), columns))
    for row in rows:
        if row["reason"]:
            say(f"{row['id']}: {row['reason']}")
    if len(rows) == options.limit:
        say(f"The first {len(rows)}; --limit shows more.")
    return DONE


def status(spec: ModelSpec, catalog: Catalog) -> str:
    """Whether the network is ready, needs a download, or is unusable."""
    if spec.reason is not None:
        return "unavailable"
    if catalog.local(spec.id):
        return "ready"
    return "available" if spec.repository and not catalog.offline else "unavailable"


def describe(spec: ModelSpec, catalog: Catalog) -> dict[str, Any]:
    """A row of the catalogue as JSON."""
    return {
        "id": spec.id,
        "title": spec.title,
        "summary": spec.summary,
        "mechanisms": list(spec.mechanisms),
        "task": spec.task,
        "source": spec.source,
        "status": status(spec, catalog),
        "reason": spec.reason,
        "size_bytes": spec.size_bytes,
        "parameters": spec.parameters,
        "score": dict(spec.metrics),
        "licence": spec.licence,
    }


def _mechanisms(row: dict[str, Any]) -> str:
    return ", ".join(row["mechanisms"]) or "–"


def _score(row: dict[str, Any]) -> str:
    """Its first score, the one by which its recipe was chosen."""
    for name, value in row["score"].items():
        return f"{name} {value:.3f}"
    return "–"
