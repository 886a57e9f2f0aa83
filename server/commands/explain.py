"""`fovea explain`: maps of photos and sentences as pictures, values or pages, without a server."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fovea.server.commands import asking, pictures
from fovea.server.commands.common import (
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
from fovea.server.commands.planning import FORMATS, Work, plan, plan_sentences
from fovea.server.commands.shares import shares

if TYPE_CHECKING:
    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine
    from fovea.server.wire.render import Render

SUMMARY = "draw a map on photos or of sentences, or save its values"
DESCRIPTION = (
    "Look at photos, or read sentences, with a network and write what it attended to: a picture\n"
    "(.png, the same that the server draws; with the words beside it where it is of words), the\n"
    "raw values (.npy) or a page for a browser (.html, one file, offline, with all values)."
)
EPILOG = f"""\
{asking.MAPS}
examples:
  fovea explain cat.jpg -o cat.png                            rollout on the photo
  fovea explain cat.jpg --map attention --query 5,9 --layer 3 -o from-5-9.png
  fovea explain flower.jpg --map relevance --target sunflower -o flower.html
  fovea explain cat.jpg --map rollout -o cat.npy              numpy.load reads it
  fovea explain photos/ --model cbam_resnet --map spatial-gate -o masks/
  fovea explain digit.png --model stn_digits --map grid -o window.png
  fovea explain room.jpg --model sa_unet --map mask --render heatmap -o walls.png
  fovea explain *.jpg --format npy -o values/
  fovea explain cat.jpg --variant vit-explain -o cat.png      rollout as that tool defines it
  fovea explain cat.jpg --model captioner --map attention --word 1 -o where.png
  fovea explain --model text_transformer --text "the cat sees a dog" -o words.html
  fovea explain --text "the cat sees a dog" --map relevance --word chien -o dog.npy

Several photos, a folder, or several --text are written into a folder. What cannot be read is
reported at the end and does not keep the others from being done; then the exit code is 1.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `fovea explain`."""
    parser.add_argument("photos", nargs="*", metavar="PHOTO", help="a photo, or a folder of them")
    parser.add_argument(
        "--text",
        action="append",
        metavar="SENTENCE",
        help="instead, for a network that reads sentences; may be given more than once",
    )
    parser.add_argument("--model", metavar="ID", help="see `fovea models` (the first of them)")
    asking.add(parser)
    written = parser.add_argument_group("what is written")
    written.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="PATH",
        help="a file .png, .npy or .html for one photo or sentence; a folder for several",
    )
    written.add_argument(
        "--format",
        choices=FORMATS,
        help="of the files in a folder (png)",
    )
    written.add_argument(
        "--render",
        choices=("overlay", "heatmap", "raw16"),
        help="png: on the photo, alone, or 16 bits of grey a cell (overlay where it has places; "
        "alone with its words where it is of words)",
    )
    written.add_argument(
        "--colormap", choices=("viridis", "inferno", "cividis", "magma"), default="viridis"
    )
    written.add_argument(
        "--opacity", type=asking.share, default=0.6, metavar="SHARE", help="of the map (0.6)"
    )
    add_machine(parser)
    add_offline(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the maps; 1 if a photo or a sentence failed."""
    options.map = options.map or ("attention" if options.text else "rollout")
    asking.check(options)
    work = planned(options)
    pictures.check(options, work)
    failed = asyncio.run(_work_through(work, options))
    for one, reason in failed:
        say(f"{one}: {reason}")
    if failed and len(work) > 1:
        kind = "sentences" if options.text else "photos"
        say(f"{len(work) - len(failed)} of {len(work)} {kind} done, {len(failed)} failed.")
    return FAILED if failed else DONE


def planned(options: argparse.Namespace) -> list[Work]:
    """The work that the command line names."""
    output = Path(options.output)
    if options.text and options.photos:
        raise Stop("a network reads photos or sentences; give PHOTO or --text.", USAGE)
    if options.text:
        return plan_sentences(options.text, output, options.format)
    if not options.photos:
        raise Stop("there is nothing to look at; give a PHOTO, or a sentence with --text.", USAGE)
    return plan([Path(photo) for photo in options.photos], output, options.format)


async def _work_through(work: list[Work], options: argparse.Namespace) -> list[tuple[Work, str]]:
    """Writes one file after another; (work, reason) of those that failed."""
    from tqdm import tqdm

    from fovea.server.commands.session import loaded, looking
    from fovea.server.problems import BadPhoto, BadText, OutOfMemory, WrongInput

    # Nothing is asked for twice, so only the newest analysis is kept.
    settings = settings_for(options, default_model=options.model, trace_budget_bytes=0)
    failed: list[tuple[Work, str]] = []
    with problems_stop():
        async with looking(catalogue(settings), settings) as engine:
            reads: Literal["photo", "text"] = "text" if options.text else "photo"
            model = options.model or await engine.default_model(reads)
            await loaded(engine, model)
            # disable=None: a bar where a person watches, nothing in a log.
            with tqdm(
                work,
                unit="sentence" if options.text else "photo",
                disable=None if len(work) > 1 else True,
            ) as bar:
                for one in bar:
                    try:
                        line = await _explain(engine, one, model, options)
                    except WrongInput:
                        raise
                    # What is asked for is the same for all: only what is theirs is forgiven.
                    except (BadPhoto, BadText, OutOfMemory) as problem:
                        failed.append((one, sentence(problem)))
                    except OSError as error:
                        failed.append((one, f"{error.strerror or error}."))
                    else:
                        bar.write(line)
    return failed


async def _explain(engine: Engine, work: Work, model: str, options: argparse.Namespace) -> str:
    """Writes one file; a line that says so."""
    analysis = await engine.analyse(work.read(), model)
    array = await asking.map_of(engine, analysis, options)
    content = content_of(work.output.suffix.lower(), analysis, array, options)
    work.output.parent.mkdir(parents=True, exist_ok=True)
    work.output.write_bytes(content)
    return f"{work}: {answer(analysis)} → {work.output}"


def content_of(
    suffix: str, analysis: Analysis, array: NamedArray, options: argparse.Namespace
) -> bytes:
    """The bytes of the file. A map that has no place on the photo is drawn alone, with its words
    where it is of words.
    """
    from fovea.server.commands import words
    from fovea.server.commands.page import page
    from fovea.server.wire import encode, render

    if suffix == ".npy":
        return encode.to_npy(array)
    if options.map in pictures.RENDERS:
        return pictures.png(analysis, array, options)
    if suffix == ".html":
        return page(analysis, array, options.colormap, options.opacity)
    if options.render is None and (labels := words.labels_of(analysis, array)):
        return words.picture(array, labels, options.colormap)
    photo, geometry = (None, None) if analysis.text is not None else analysis.view
    on_photo = photo is not None and array.covers_input and array.values.ndim == 2
    how: Render = options.render or ("overlay" if on_photo else "heatmap")
    pixels = None if photo is None else photo.pixels
    return render.to_picture(array, pixels, geometry, how, options.colormap, options.opacity)


def answer(analysis: Analysis) -> str:
    """What the network said of what it was given, in few words."""
    from fovea.models.running.tasks import Mask

    if analysis.sentence is not None:
        return f"“{analysis.sentence.text}”"
    if isinstance(analysis.output, Mask):
        return ", ".join(f"{label} {share:.0%}" for label, share in shares(analysis.output))
    if analysis.predictions:
        best = analysis.predictions[0]
        return f"{best.label.split(',')[0]} {best.score:.2f}"
    return analysis.model.task
