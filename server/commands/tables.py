"""Shared by `fovea sweep` and `fovea evidence`: results as CSV or as an HTML table."""

from __future__ import annotations

import argparse
import asyncio
import csv
import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from fovea.server.commands.planning import Work, files_of, photos_named

if TYPE_CHECKING:
    from fovea.models.methods.base import Subject
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine
    from fovea.server.engine.passes import Passes

Row = dict[str, Any]
Plan = Callable[["Analysis", "Subject", "Path | str"], Callable[["Passes"], Any]]
"""Plans the work on one photo's analysis; raises before any pass if the request is invalid."""
Rows = Callable[[str, Any], list[Row]]
"""(photo, result) → table rows."""


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of both commands."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo, a folder or a pattern")
    add_model(parser)
    parser.add_argument("--target", metavar="CLASS", help="by number or label (the predicted one)")
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="a .csv or .html of all photos (CSV, printed)"
    )
    add_machine(parser)
    add_offline(parser)


def work_through(options: argparse.Namespace, plan: Plan, rows: Rows, kind: str) -> int:
    """One table over all photos; returns 1 if a photo failed."""
    output = None if options.output is None else Path(options.output)
    if output is not None and output.suffix.lower() not in (".csv", ".html"):
        raise Stop(f"{output.name!r} should end in .csv or .html.", USAGE)
    work = [Work(one) for one in files_of(photos_named(options.photos))]
    table, failed = asyncio.run(_all(work, options, plan, rows, kind))
    for one, reason in failed:
        say(f"{one}: {reason}")
    text = _page(table) if output is not None and output.suffix.lower() == ".html" else _csv(table)
    if output is None:
        print(text, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="")
    return FAILED if failed else DONE


async def _all(
    work: list[Work], options: argparse.Namespace, plan: Plan, rows: Rows, kind: str
) -> tuple[list[Row], list[tuple[Work, str]]]:
    from tqdm import tqdm

    from fovea.server.answers.refusals import problem_of
    from fovea.server.commands.session import loaded, looking
    from fovea.server.problems import BadPhoto, OutOfMemory

    settings = settings_for(options, default_model=options.model, trace_budget_bytes=0)
    table: list[Row] = []
    failed: list[tuple[Work, str]] = []
    with problems_stop():
        async with looking(catalogue(settings), settings) as engine:
            model = options.model or await engine.default_model()
            await loaded(engine, model)
            for one in tqdm(work, unit="photo", disable=None if len(work) > 1 else True):
                try:
                    analysis = await engine.analyse(one.read(), model)
                    found = await _found(engine, analysis, one.given, plan, kind)
                except (BadPhoto, OutOfMemory) as problem:
                    failed.append((one, sentence(problem)))
                except OSError as error:
                    failed.append((one, f"{error.strerror or error}."))
                except Exception as error:
                    if (problem_told := problem_of(error)) is None:
                        raise
                    raise problem_told from error
                else:
                    table += rows(str(one), found)
    return table, failed


async def _found(
    engine: Engine, analysis: Analysis, photo: Path | str, plan: Plan, kind: str
) -> Any:
    from fovea.server.answers.subject import learned_of
    from fovea.server.engine.passes import start

    job_kind: Any = kind
    subject = await learned_of(engine, analysis)
    done: Callable[[Passes], Any] = plan(analysis, subject, photo)
    job = await start(engine, job_kind, analysis, f"/{analysis.id}", done)
    await job.wait()
    return await engine.results.get(f"/{analysis.id}", analysis)


def _csv(table: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(table[0]) if table else [])
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def _page(table: list[Row]) -> str:
    """The table as an HTML page."""
    names = list(table[0]) if table else []
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    lines = [
        "<tr>" + "".join(f"<td>{html.escape(str(row[name]))}</td>" for name in names) + "</tr>"
        for row in table
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Fovea</title>'
        "<style>td,th{padding:.2em .8em;text-align:left}</style>"
        f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table></html>\n"
    )
