"""`fovea evidence`: does what a map marks count, in one table over photos."""

from __future__ import annotations

import argparse
from typing import Any

from fovea.server.commands import tables

SUMMARY = "whether what a map marks counts, beside maps that know nothing"
DESCRIPTION = "Measure a map on photos: what hiding, or showing, what it marks does to the answer."
EPILOG = """\
examples:
  fovea evidence cat.jpg --model vit --map rollout --measure deletion
  fovea evidence photos/ --map relevance --measure insertion -o relevance.csv

A row a photo: the score, those of random maps (mean and standard deviation), of a blob in the
centre and of the photo's edges, and what that means in a sentence.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `fovea evidence`."""
    tables.add(parser)
    parser.add_argument(
        "--map", required=True, metavar="NAME", help="a map, as `fovea explain --help` lists it"
    )
    parser.add_argument(
        "--measure",
        required=True,
        choices=("deletion", "insertion", "road", "random-weights"),
        help="how the map is measured (docs/what-if.md)",
    )
    parser.add_argument(
        "--fill",
        choices=("mean", "blur", "grey", "noise"),
        help="what is hidden becomes (mean; of insertion blur)",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="most passes of a curve (24)")
    parser.add_argument("--protocol", choices=("rise",), help="as Petsiuk et al. 2018")


def run(options: argparse.Namespace) -> int:
    """Prints or writes the table; 1 if a photo failed."""
    from fovea.server.answers import evidence, measures

    asked = measures.Asked(
        options.map,
        options.measure,
        target=options.target,
        fill=options.fill,
        steps=options.steps,
        protocol=options.protocol,
    )
    return tables.work_through(
        options, lambda analysis, subject: evidence.planned(analysis, subject, asked), _rows,
        "evidence",
    )  # fmt: skip


def _rows(photo: str, found: Any) -> list[tables.Row]:
    baselines = found["baselines"]
    return [
        {
            "photo": photo,
            "map": found["map"],
            "measure": found["measure"],
            "class": found["target"]["label"],
            "score": found["score"],
            "better": found["better"],
            "random": baselines["random"]["mean"],
            "random spread": baselines["random"]["spread"],
            "centre": baselines["centre"],
            "edges": baselines["edges"],
            "sentence": found["sentence"],
        }
    ]
