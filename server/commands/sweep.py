"""`fovea sweep`: a table of what each head, layer, channel or patch contributes."""

from __future__ import annotations

import argparse
from typing import Any

from fovea.server.commands import tables

SUMMARY = "how far the answer falls without each head, layer, channel or patch"
DESCRIPTION = "Take the parts of a network, or of photos, away one at a time."
EPILOG = """\
examples:
  fovea sweep cat.jpg --model vit --over heads
  fovea sweep photos/ --over layers -o layers.csv
  fovea sweep cat.jpg --over patches --fill blur -o patches.html

A row a part: the class's logit, and its probability, with everything there less those without it.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea sweep`."""
    tables.add(parser)
    parser.add_argument(
        "--over",
        required=True,
        choices=("heads", "layers", "channels", "patches"),
        help="the parts that are taken away, one at a time",
    )
    parser.add_argument(
        "--site",
        metavar="ID",
        help="parts of this site only; of patches: the site whose cells they are",
    )
    parser.add_argument(
        "--fill",
        choices=("mean", "blur", "grey", "noise"),
        default="mean",
        help="what a patch that is hidden becomes (mean)",
    )
    parser.add_argument(
        "--block", type=int, default=1, metavar="N", help="hide squares of N × N cells (1)"
    )


def run(options: argparse.Namespace) -> int:
    """Prints or writes the table; returns 1 if a photo failed."""
    from fovea.server.answers import sweeps

    asked = sweeps.SweepRequest(
        options.over, options.site, options.target, options.fill, options.block
    )

    def plan(analysis: Any, subject: Any, photo: object) -> Any:
        return sweeps.planned(analysis, subject, asked)

    return tables.work_through(options, plan, _rows, "sweep")


def _rows(photo: str, found: Any) -> list[tables.Row]:
    import numpy as np

    probability = found.more["probability"][0]
    target = found.about["target"]["label"]
    return [
        {
            "photo": photo,
            "class": target,
            **dict(zip(found.axes, place, strict=True)),
            "logit": f"{value:.6g}",
            "probability": f"{probability[place]:.6g}",
        }
        for place, value in np.ndenumerate(found.values)
    ]
