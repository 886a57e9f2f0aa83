"""`fovea explain --server URL`: sends the photos to a server, which analyses and draws."""

from __future__ import annotations

import argparse
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from fovea.models.methods import registry
from fovea.server.commands import asking
from fovea.server.commands.common import FAILED, USAGE, Stop, settings_for
from fovea.server.commands.planning import Work, suffix_of

if TYPE_CHECKING:
    from fovea.client.synchronous import Analysis, Array

MEDIA = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "npy": "application/x-npy",
}
OF_ONE_PHOTO = (
    "missing-image", "empty-image", "unsupported-format", "truncated-image", "corrupt-image",
    "too-many-pixels", "bad-aspect", "unsafe-checkpoint", "too-large", "out-of-memory",
)  # fmt: skip
"""Problems that concern one photo only."""


def check(options: argparse.Namespace, work: list[Work]) -> None:
    """Ends the command if a server cannot do what is requested."""
    if options.text:
        raise Stop("--server is for photos; sentences are read here.", USAGE)
    for name in ("device", "offline"):
        if getattr(options, name):
            raise Stop(f"--{name} is for this machine; the server of --server looks.", USAGE)
    if (options.beams, options.no_repeat_ngram) != (1, 0):
        raise Stop("--beams and --no-repeat-ngram are for this machine, not for --server.", USAGE)
    for output in (output for one in work for output in one.outputs):
        if suffix_of(output) not in MEDIA:
            raise Stop(f"A server draws {', '.join(MEDIA)}; {output.name} is not one.", USAGE)


def work_through(
    work: list[Work], options: argparse.Namespace, asked: list[argparse.Namespace]
) -> tuple[list[dict[str, Any]], list[tuple[Work, str]]]:
    """Writes one file after another; returns (records of the maps, (work, reason) of failures)."""
    check(options, work)
    try:
        from fovea.client import Client, ClientError, Problem
    except ImportError as error:
        raise Stop(str(error), FAILED) from error
    token = settings_for(options).token
    secret = token.get_secret_value() if token else None
    told: list[dict[str, Any]] = []
    failed: list[tuple[Work, str]] = []
    try:
        with Client(options.server, secret) as client:
            for one in work:
                try:
                    given = one.read()
                    assert isinstance(given, bytes)
                    analysis = client.analyse(given, options.model)
                    told += [
                        _record(one, analysis, *_made(analysis, named, output, options), output)
                        for named, output in zip_longest(asked, one.outputs)
                    ]
                except Problem as problem:
                    if problem.slug not in OF_ONE_PHOTO:
                        raise
                    failed.append((one, str(problem)))
                except OSError as error:
                    failed.append((one, f"{error.strerror or error}."))
                else:
                    if not options.json:
                        print(f"{one} → {', '.join(map(str, one.outputs))}")
    except ClientError as error:
        raise Stop(str(error), FAILED) from error
    return told, failed


def _made(
    analysis: Analysis, named: argparse.Namespace, output: Any, options: argparse.Namespace
) -> tuple[str, Array]:
    """The map's name and the map; writes its file."""
    name = named.map or _first(analysis)
    array = analysis.map(name, **asking.given(named))
    if output is not None:
        media = suffix_of(output)
        style = {"render": options.render, "colormap": options.colormap, "opacity": options.opacity}
        content = array.read(MEDIA[media], **({} if media == "npy" else style))
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)
    return name, array


def _first(analysis: Analysis) -> str:
    """The first map that the network supports, the same default as without a server."""
    possible = {one["name"] for one in analysis.body["maps"] if one["reason"] is None}
    for name in registry.FIRST:
        if name in possible:
            return name
    raise Stop(f"{analysis.body['model']} has nothing that attends, so there is no map.")


def _record(work: Work, analysis: Analysis, name: str, array: Array, output: Any) -> dict[str, Any]:
    """A map's JSON record; contains the values if no file does."""
    told = {
        "photo": str(work.given),
        "model": analysis.body["model"],
        "map": name,
        "predictions": analysis.predictions,
    }
    if output is not None:
        return {**told, "output": str(output)}
    found = array.json()
    return {**told, **{key: found[key] for key in ("sentence", "axes", "shape", "values")}}
