"""`fovea explain`: maps of photos as pictures, values or pages, without a server."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from server.commands import asking
from server.commands.common import (
    DONE,
    FAILED,
    USAGE,
    Stop,
    add_machine,
    add_offline,
    catalogue,
    problems_stop,
    say,
    sentence,
    settings_for,
)

if TYPE_CHECKING:
    from models.tasks import Mask
    from server.analysis import Analysis
    from server.encode import NamedArray
    from server.engine import Engine
    from server.render import Render

SUMMARY = "draw a map on photos, or save its values"
DESCRIPTION = (
    "Look at photos with a network and write what it attended to: a picture (.png, the same\n"
    "that the server draws), the raw values (.npy) or a page for a browser (.html, one file,\n"
    "offline, with the values under the pointer)."
)
EPILOG = f"""\
{asking.MAPS}
examples:
  fovea explain cat.jpg -o cat.png                            rollout on the photo
  fovea explain cat.jpg --map attention --query 5,9 --layer 3 -o from-5-9.png
  fovea explain cat.jpg --map relevance --target "Egyptian cat" -o cat.html
  fovea explain cat.jpg --map rollout -o cat.npy              numpy.load reads it
  fovea explain photos/ --model cbam_resnet --map spatial-gate -o masks/
  fovea explain *.jpg --format npy -o values/

Several photos, or a folder, are written into a folder. A photo that cannot be read is reported
at the end and does not keep the others from being done; then the exit code is 1.
"""

FORMATS = ("png", "npy", "html")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".mpo", ".avif")
"""Files of a folder that are meant to be photos; what they are is told by their content."""


def add(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `fovea explain`."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo, or a folder of them")
    parser.add_argument("--model", metavar="ID", help="see `fovea models` (the first of them)")
    asking.add(parser)
    written = parser.add_argument_group("what is written")
    written.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="PATH",
        help="a file .png, .npy or .html for one photo; a folder for several",
    )
    written.add_argument(
        "--format",
        choices=FORMATS,
        help="of the files in a folder (png)",
    )
    written.add_argument(
        "--render",
        choices=("overlay", "heatmap", "raw16"),
        help="png: on the photo, alone, or 16 bits of grey a cell (overlay where it has places)",
    )
    written.add_argument(
        "--colormap", choices=("viridis", "inferno", "cividis", "magma"), default="viridis"
    )
    written.add_argument(
        "--opacity", type=asking.share, default=0.6, metavar="SHARE", help="of the map (0.6)"
    )
    add_machine(parser)
    add_offline(parser)


@dataclass(frozen=True, slots=True)
class Work:
    """One photo and the file that is written for it."""

    photo: Path
    output: Path


def run(options: argparse.Namespace) -> int:
    """Writes the maps; 1 if a photo failed."""
    asking.check(options)
    work = plan([Path(photo) for photo in options.photos], Path(options.output), options.format)
    failed = asyncio.run(_work_through(work, options))
    for one, reason in failed:
        say(f"{one.photo}: {reason}")
    if failed and len(work) > 1:
        say(f"{len(work) - len(failed)} of {len(work)} photos done, {len(failed)} failed.")
    return FAILED if failed else DONE


def plan(given: list[Path], output: Path, file_format: str | None) -> list[Work]:
    """Which file is written for which photo; ends the command where that is not clear."""
    suffix = output.suffix.lower().removeprefix(".")
    one = len(given) == 1 and not given[0].is_dir()
    if one and not output.is_dir() and (suffix or not file_format):
        if suffix not in FORMATS or file_format not in (None, suffix):
            raise Stop(
                f"{output.name!r} should end in .png, .npy or .html; "
                "or name a folder that exists, with --format.",
                USAGE,
            )
        return [_careful(Work(given[0], output))]
    if suffix in FORMATS and not output.is_dir():
        raise Stop(
            f"several photos are written into a folder, not into {output.name!r}: "
            f"-o {output.stem} --format {suffix}.",
            USAGE,
        )
    photos = [photo for path in given for photo in _photos_of(path)]
    ending = file_format or "png"
    stems = [photo.stem for photo in photos]
    # Two photos of one name keep their suffix, or their folder's name, to be told apart.
    names = [photo.stem if stems.count(photo.stem) == 1 else photo.name for photo in photos]
    names = [
        name if names.count(name) == 1 else f"{photo.absolute().parent.name}-{name}"
        for name, photo in zip(names, photos, strict=True)
    ]
    if clashes := sorted({name for name in names if names.count(name) > 1}):
        raise Stop(f"two photos would both be written as {clashes[0]}.{ending}.", USAGE)
    return [
        _careful(Work(photo, output / f"{name}.{ending}"))
        for photo, name in zip(photos, names, strict=True)
    ]


def _photos_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not found:
        raise Stop(f"there are no photos in {path}.", USAGE)
    return found


def _careful(work: Work) -> Work:
    """Raises Stop rather than write over a photo."""
    if work.output.exists() and work.photo.exists() and work.output.samefile(work.photo):
        raise Stop(f"{work.output} is the photo itself; it would be written over.", USAGE)
    return work


async def _work_through(work: list[Work], options: argparse.Namespace) -> list[tuple[Work, str]]:
    """Writes one file after another; (work, reason) of those that failed."""
    from tqdm import tqdm

    from server.commands.session import loaded, looking
    from server.errors import BadPhoto, OutOfMemory

    # Nothing is asked for twice, so only the newest analysis is kept.
    settings = settings_for(options, default_model=options.model, trace_budget_bytes=0)
    failed: list[tuple[Work, str]] = []
    with problems_stop():
        async with looking(catalogue(settings), settings) as engine:
            model = options.model or await engine.default_model()
            await loaded(engine, model)
            # disable=None: a bar where a person watches, nothing in a log.
            with tqdm(work, unit="photo", disable=None if len(work) > 1 else True) as bar:
                for one in bar:
                    try:
                        line = await _explain(engine, one, model, options)
                    # What is asked for is the same for all photos: only theirs are forgiven.
                    except (BadPhoto, OutOfMemory) as problem:
                        failed.append((one, sentence(problem)))
                    except OSError as error:
                        failed.append((one, f"{error.strerror or error}."))
                    else:
                        bar.write(line)
    return failed


async def _explain(engine: Engine, work: Work, model: str, options: argparse.Namespace) -> str:
    """Writes one file; a line that says so."""
    analysis = await engine.analyse(work.photo.read_bytes(), model)
    array = await asking.map_of(engine, analysis, options)
    content = content_of(work.output.suffix.lower(), analysis, array, options)
    work.output.parent.mkdir(parents=True, exist_ok=True)
    work.output.write_bytes(content)
    return f"{work.photo}: {answer(analysis)} → {work.output}"


def content_of(
    suffix: str, analysis: Analysis, array: NamedArray, options: argparse.Namespace
) -> bytes:
    """The bytes of the file. A map that has no place on the photo is drawn alone."""
    from server import encode, render
    from server.commands.page import page

    if suffix == ".npy":
        return encode.to_npy(array)
    if suffix == ".html":
        return page(analysis, array, options.colormap, options.opacity)
    photo, geometry = analysis.view
    on_photo = array.covers_input and array.values.ndim == 2
    how: Render = options.render or ("overlay" if on_photo else "heatmap")
    return render.to_png(array, photo.pixels, geometry, how, options.colormap, options.opacity)


def answer(analysis: Analysis) -> str:
    """What the network said of the photo, in few words."""
    from models.tasks import Mask

    if analysis.sentence is not None:
        return f"“{analysis.sentence.text}”"
    if isinstance(analysis.output, Mask):
        return ", ".join(f"{label} {share:.0%}" for label, share in shares(analysis.output))
    if analysis.predictions:
        best = analysis.predictions[0]
        return f"{best.label.split(',')[0]} {best.score:.2f}"
    return analysis.model.task


def shares(mask: Mask, most: int = 5) -> list[tuple[str, float]]:
    """The classes that cover most of the photo, with their shares of it."""
    every = sum(mask.counts)
    ranked = sorted(zip(mask.counts, mask.labels, strict=True), key=lambda one: -one[0])
    return [(label, count / every) for count, label in ranked[:most] if count]
