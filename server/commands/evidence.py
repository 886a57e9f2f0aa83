"""`fovea evidence`: measures over many photos whether the regions that a map marks matter."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from fovea.server.commands import asking, tables
from fovea.server.commands.common import FAILED, USAGE, Stop

SUMMARY = "whether what a map marks counts, beside maps that know nothing"
DESCRIPTION = "Measure a map on photos: what hiding, or showing, what it marks does to the answer."
EPILOG = """\
examples:
  fovea evidence cat.jpg --model vit --map rollout --measure deletion
  fovea evidence photos/ --map relevance --measure insertion -o relevance.csv
  fovea evidence cat.jpg --map attention --layer 5 --query cls --measure road
  fovea evidence photos/ --map legrad --measure truth --mask masks/ -o pointing.html

A row a photo: the score, those of random maps (mean and standard deviation), of a blob in the
centre and of the photo's edges, and what that means in a sentence.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea evidence`."""
    tables.add(parser)
    parser.add_argument(
        "--map", required=True, metavar="NAME", help="a map, as `fovea explain --help` lists it"
    )
    parser.add_argument(
        "--measure",
        required=True,
        choices=("deletion", "insertion", "road", "random-weights", "truth"),
        help="how the map is measured (docs/what-if.md)",
    )
    parser.add_argument(
        "--fill",
        choices=("mean", "blur", "grey", "noise"),
        help="the fill of hidden cells (mean; for insertion blur)",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="most passes of a curve (24)")
    parser.add_argument("--protocol", choices=("rise",), help="as Petsiuk et al. 2018")
    parser.add_argument(
        "--mask",
        metavar="PATH",
        help="truth: a picture of the photo's size, black where the thing is not; or a folder of "
        "them, each called as its photo",
    )
    parser.add_argument(
        "--box",
        action="append",
        type=_box,
        metavar="L,T,R,B",
        help="truth: the object's box, in pixels of the photo; may be given more than once",
    )
    asking.add_options(parser.add_argument_group("of the map"), without=("target",))


def _box(text: str) -> list[float]:
    """Parses left,top,right,bottom, for argparse."""
    try:
        box = [float(one) for one in text.split(",")]
    except ValueError:
        box = []
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is no LEFT,TOP,RIGHT,BOTTOM")
    return box


def run(options: argparse.Namespace) -> int:
    """Prints or writes the table; returns 1 if a photo failed."""
    from fovea.server.answers import evidence, measures

    if options.mask is not None and options.box:
        raise Stop("--mask and --box say the same thing; give one of them.", USAGE)
    asked = measures.MeasureRequest(
        options.map,
        options.measure,
        options=asking.given_beside(options, ("target",)),
        target=options.target,
        fill=options.fill,
        steps=options.steps,
        protocol=options.protocol,
        mask={"boxes": options.box} if options.box else None,
    )

    def plan(analysis: Any, subject: Any, photo: Path | str) -> Any:
        mask = asked.mask if options.mask is None else _mask_of(Path(options.mask), photo)
        return evidence.planned(analysis, subject, replace(asked, mask=mask))

    return tables.work_through(options, plan, _rows, "evidence")


def _mask_of(given: Path, photo: Path | str) -> list[list[int]]:
    """The mask as rows of 0 and 1: 1 where the picture is not black. given: the file or its
    folder.
    """
    from PIL import Image

    path = given
    if given.is_dir():
        name = Path(photo).stem
        path = next((one for one in sorted(given.iterdir()) if one.stem == name), given / name)
    try:
        with Image.open(path) as picture:
            grey = picture.convert("L")
            return [[int(one > 0) for one in row] for row in _rows_of(grey)]
    except OSError as error:
        raise Stop(f"{path}: {error.strerror or 'is no picture'}.", FAILED) from error


def _rows_of(grey: Any) -> Any:
    import numpy as np

    return np.asarray(grey).tolist()


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
            **{name: found["truth"][name] for name in ("hit", "iou") if found.get("truth")},
            "sentence": found["sentence"],
        }
    ]
