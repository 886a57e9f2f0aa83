"""`fovea explain`: maps of photos and sentences as images, arrays or HTML, without a server."""

from __future__ import annotations

import argparse
import asyncio
import json
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fovea.server.commands import asking, pictures, remote, writing
from fovea.server.commands.common import (
    DONE,
    FAILED,
    USAGE,
    Stop,
    add_machine,
    add_model,
    add_offline,
    catalogue,
    problems_stop,
    say,
    sentence,
    settings_for,
)
from fovea.server.commands.planning import (
    FORMATS,
    Work,
    files_of,
    photos_named,
    plan,
    plan_sentences,
    suffix_of,
)

if TYPE_CHECKING:
    from fovea.models.edits import Edit
    from fovea.models.running.tasks import Search
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine

TURN_S = 0.1

SUMMARY = "draw a map on photos or of sentences, or save its values"
DESCRIPTION = (
    "Look at photos, or read sentences, with a network and write what it attended to: a picture\n"
    "(.png, the same that the server draws, .jpg or .webp; words beside it where it is of words),\n"
    "the raw values (.npy) or a page for a browser (.html, one file, offline)."
)
EPILOG = f"""\
{asking.MAPS}
examples:
  fovea explain cat.jpg -o cat.png                            the network's first map
  fovea explain cat.jpg --map attention --query 5,9 --layer 3 -o from-5-9.png
  fovea explain flower.jpg --map relevance --target sunflower -o flower.html
  fovea explain cat.jpg --map rollout -o cat.npy              numpy.load reads it
  fovea explain photos/ --model cbam_resnet --map spatial-gate -o masks/
  fovea explain digit.png --model stn_digits --map grid -o window.png
  fovea explain room.jpg --model sa_unet --map mask --render heatmap -o walls.png
  fovea explain *.jpg --format npy -o values/
  fovea explain cat.jpg --map rollout --map relevance -o maps/      one pass, two files
  fovea explain cat.jpg --json | jq '.[0].values'              values instead of a file
  curl -s ADDRESS | fovea explain - -o map.png                a photo from a pipe
  fovea explain cat.jpg --edit '{{"edit": "off", "site": "s05"}}' -o without.png
  fovea explain cat.jpg --variant vit-explain -o cat.png      rollout as that tool defines it
  fovea explain cat.jpg --model captioner --map attention --word 1 -o where.png
  fovea explain --model text_transformer --text "the cat sees a dog" -o words.html
  fovea explain cat.jpg --server http://gpu.example:8000 -o cat.png      a server looks
  fovea explain --text "the cat sees a dog" --map relevance --word chien -o dog.npy

Several photos, a folder, a pattern, several --map or several --text are written into a folder.
What cannot be read is reported at the end and does not keep the others from being done; then the
exit code is 1.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea explain`."""
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="a photo, a folder or a pattern of them; - reads one from a pipe",
    )
    parser.add_argument(
        "--text",
        action="append",
        metavar="SENTENCE",
        help="instead, for a network that reads sentences; may be given more than once",
    )
    add_model(parser)
    asking.add(parser)
    parser.add_argument(
        "--edit",
        action="append",
        type=_edit,
        dest="edits",
        metavar="JSON",
        help="look with something changed, as docs/what-if.md says: "
        """'{"edit": "off", "site": "s03", "heads": [0]}'; may be given more than once""",
    )
    add_search(parser)
    written = parser.add_argument_group("what is written")
    written.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file .png, .jpg, .webp, .npy or .html for one photo or sentence; a folder for "
        "several",
    )
    written.add_argument(
        "--json",
        action="store_true",
        help="print the results as JSON; without -o with their values",
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
        "--colormap",
        choices=("viridis", "inferno", "cividis", "magma", "coolwarm"),
        default="viridis",
        help="the colours of the map (viridis)",
    )
    written.add_argument(
        "--opacity",
        type=asking.share,
        default=0.6,
        metavar="SHARE",
        help="how much of the map covers the photo (0.6)",
    )
    add_machine(parser)
    add_offline(parser)
    parser.add_argument(
        "--server",
        metavar="URL",
        help="a Fovea server that looks and draws instead of this machine (its FOVEA_TOKEN is read "
        "from the environment)",
    )


def add_search(parser: argparse.ArgumentParser) -> None:
    """Adds the decoding options of a network that writes."""
    search = parser.add_argument_group("of a network that writes")
    search.add_argument(
        "--beams",
        type=int,
        choices=range(1, 6),
        default=1,
        metavar="1…5",
        help="how many beginnings are followed at once; with 1 each word is the likeliest (1)",
    )
    search.add_argument(
        "--no-repeat-ngram",
        type=int,
        choices=range(11),
        default=0,
        metavar="0…10",
        help="word sequences of this length never repeat; 0 for no limit (0)",
    )


def _edit(text: str) -> Edit:
    """Parses an edit, for argparse."""
    from fovea.models.edits import RefusedEdit, from_json

    try:
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError(text)
        return from_json(given)
    except RefusedEdit as error:
        raise argparse.ArgumentTypeError(f"{error} {error.hint}".strip()) from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:100]!r} is no JSON object") from error


def run(options: argparse.Namespace) -> int:
    """Writes the maps; returns 1 if a photo or sentence failed."""
    asked = asking.each(options)
    work = planned(options, [one.map or "" for one in asked])
    for number, one_map in enumerate(asked):
        pictures.check(one_map, [each.outputs[number] for each in work if each.outputs])
    if options.server:
        told, failed = remote.work_through(work, options, asked)
    else:
        told, failed = asyncio.run(_work_through(work, options, asked))
    for one, reason in failed:
        say(f"{one}: {reason}")
    if failed and len(work) > 1:
        kind = "sentences" if options.text else "photos"
        say(f"{len(work) - len(failed)} of {len(work)} {kind} done, {len(failed)} failed.")
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    return FAILED if failed else DONE


def planned(options: argparse.Namespace, maps: list[str]) -> list[Work]:
    """The list of files to write."""
    if options.text and options.photos:
        raise Stop("a network reads photos or sentences; give PHOTO or --text.", USAGE)
    if not options.text and not options.photos:
        raise Stop("there is nothing to look at; give a PHOTO, or a sentence with --text.", USAGE)
    photos = photos_named(options.photos)
    if options.output is None:
        if not options.json:
            raise Stop("say where to: -o PATH, or --json to print the values.", USAGE)
        return [Work(one) for one in (options.text or files_of(photos))]
    output = Path(options.output)
    if options.text:
        return plan_sentences(options.text, output, options.format, maps)
    return plan(photos, output, options.format, maps)


async def _work_through(
    work: list[Work], options: argparse.Namespace, asked: list[argparse.Namespace]
) -> tuple[list[dict[str, Any]], list[tuple[Work, str]]]:
    """Writes one file after another; returns (records of the maps, (work, reason) of failures)."""
    from tqdm import tqdm

    from fovea.models.running.tasks import Search
    from fovea.server.commands.session import loaded, looking, overlapping
    from fovea.server.problems import BadPhoto, BadText, OutOfMemory, WrongInput

    # No analysis is needed twice, so only the newest one is kept.
    settings = settings_for(options, default_model=options.model, trace_budget_bytes=0)
    told: list[dict[str, Any]] = []
    failed: list[tuple[Work, str]] = []
    with problems_stop():
        async with looking(catalogue(settings), settings) as engine:
            reads: Literal["photo", "text"] = "text" if options.text else "photo"
            model = options.model or await engine.default_model(reads)
            await loaded(engine, model)
            search = Search(options.beams, options.no_repeat_ngram)
            explained = overlapping(work, lambda one: _explain(engine, one, model, search, asked))
            # disable=None: a progress bar on a terminal, nothing in a log.
            with tqdm(
                total=len(work),
                unit="sentence" if options.text else "photo",
                disable=None if len(work) > 1 else True,
            ) as bar:
                async for one, task in explained:
                    bar.update()
                    try:
                        records, line = task.result()
                    except WrongInput:
                        raise
                    # An invalid request fails for every photo, so it ends the command; a bad photo
                    # does not.
                    except (BadPhoto, BadText, OutOfMemory) as problem:
                        failed.append((one, sentence(problem)))
                    except OSError as error:
                        failed.append((one, f"{error.strerror or error}."))
                    else:
                        told += records
                        if not options.json:
                            bar.write(line)
    return told, failed


async def _explain(
    engine: Engine, work: Work, model: str, search: Search, asked: list[argparse.Namespace]
) -> tuple[list[dict[str, Any]], str]:
    """Analyses once and writes a file for each map; returns (a record for each map, a summary
    line).
    """
    from fovea.server.engine import pools

    analysis = await _looked_at(engine, await asyncio.to_thread(work.read), model, search)
    if edits := asked[0].edits:
        analysis = await engine.edited(analysis, tuple(edits))
    records = []
    for named, output in zip_longest(asked, work.outputs):
        options = await asking.with_map(engine, analysis, named)
        pictures.check(options, work.outputs)
        array = await asking.map_of(engine, analysis, options)
        if output is not None:
            given = suffix_of(output), analysis, array, options
            content = await pools.run(pools.DRAWING, writing.content_of, *given)
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_bytes(content)
        records.append(writing.record(work, analysis, array, options.map, output))
    written = ", ".join(map(str, work.outputs))
    return records, f"{work}: {writing.answer(analysis)} → {written}"


async def _looked_at(engine: Engine, given: bytes | str, model: str, search: Search) -> Analysis:
    """The analysis; a photo that does not fit into memory beside the others waits for them."""
    from fovea.server.problems import QueueFull

    while True:
        try:
            return await engine.analyse(given, model, search)
        except QueueFull:
            await asyncio.sleep(TURN_S)
