"""`fovea doctor`: what capture finds in a network, its cost, and any problems."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING, Any

from fovea.server.commands import asking
from fovea.server.commands.common import (
    DONE,
    FAILED,
    add_machine,
    bytes_in_words,
    catalogue,
    problems_stop,
    settings_for,
    table,
    tell,
)

if TYPE_CHECKING:
    from fovea.models.catalog.catalog import Catalog
    from fovea.models.catalog.spec import ModelSpec
    from fovea.server.settings import Settings

SUMMARY = "say what can be seen in a network, and what cannot"
DESCRIPTION = (
    "Run a network once on noise and say what capture finds: the sites with their layers, heads\n"
    "and places; what capture costs; which maps the network can have, and why not the others;\n"
    "and what stands in the way. Works for bundled networks, timm's names, and the files of your\n"
    "model folder. Nothing is downloaded."
)
EPILOG = """\
examples:
  fovea doctor vit
  fovea doctor swin_tiny_patch4_window7_224 --random-weights    before downloading anything
  fovea doctor my_model --json                                  my_model.toml of FOVEA_MODELS_DIR
  fovea doctor vit --variant vit-explain                        tries rollout as that tool has it

layouts:  global           every patch looks at every patch
          window, shifted window, grid, axial, neighbourhood
                           a patch looks at some; each knows its own places
          pyramid          patches look at larger ones
          class-only       only the class token looks
          words            a sentence on one side at least
          channel×channel  no places at all
          unknown          places could not be followed; shown as a matrix

The exit code is 1 if there is a problem, 0 if there are none or only notes.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea doctor`."""
    parser.add_argument("model", metavar="MODEL", help="an id as `fovea models` lists it")
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="build the network with random weights: sites and places do not depend on them",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="passes that are timed (5)"
    )
    asking.add_variant(parser)
    add_machine(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the report; returns 1 if there is a problem."""
    settings = settings_for(options, default_model=options.model, offline=True)
    report = examined(options, settings)
    if options.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        tell(in_words(report))
    return FAILED if report["problems"] else DONE


def examined(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """The report on a model of the catalogue; short if there are no weights."""
    from fovea.server.commands.examination import examine, random_weights
    from fovea.server.engine.shelf import find

    catalog = catalogue(settings)
    with problems_stop():
        spec = find(catalog, options.model)
    report: dict[str, Any] = {"model": about(spec), "problems": [], "notes": []}
    if options.random_weights:
        catalog = random_weights(catalog)
        report["notes"].append("Random weights: sites, places and cost are right, maps are not.")
    elif missing := _missing(spec, catalog):
        report["problems"].append(missing)
        return report
    repeats = max(1, options.repeats)
    found = asyncio.run(examine(catalog, settings, spec.id, repeats, options.variant))
    for name in ("problems", "notes"):
        found[name] = report[name] + found[name]
    return {**report, **found}


def about(spec: ModelSpec) -> dict[str, Any]:
    """What the catalogue says about the model."""
    wanted = spec.preprocessing
    return {
        "id": spec.id,
        "title": spec.title,
        "task": spec.task,
        "source": spec.source,
        "mechanisms": list(spec.mechanisms),
        "input": None if wanted is None else [wanted.channels, *wanted.crop_px],
        "classes": None if spec.labels is None else len(spec.labels),
        "licence": spec.licence,
    }


def _missing(spec: ModelSpec, catalog: Catalog) -> str | None:
    """Why the network cannot be loaded from local files, or None."""
    if spec.reason is not None:
        return spec.reason
    if catalog.local(spec.id):
        return None
    fetched = f"let `fovea explain --model {spec.id}` fetch them, " if spec.repository else ""
    return (
        f"The weights of {spec.id} are not on this machine: {fetched}put {spec.id}.safetensors "
        "into the folder that FOVEA_WEIGHTS_DIR names, or look at the architecture alone with "
        "--random-weights."
    )


def in_words(report: dict[str, Any]) -> str:
    """The report as text."""
    model = report["model"]
    size = model["input"] and " × ".join(map(str, model["input"]))
    head = [f"{model['id']}: {model['title']}", f"{model['task']}, {model['source']}"]
    if size:
        head.append(f"input {size}")
    if model["classes"]:
        head.append(f"{model['classes']:,} classes")
    parts = [", ".join(head)]
    if "sites" in report:
        parts += [_sites(report["sites"]), _cost(report["cost"]), _maps(report["maps"])]
    for name, title in (("notes", "Note"), ("problems", "Problem")):
        parts += [f"{title}: {one}" for one in report[name]]
    return "\n\n".join(part for part in parts if part)


def _sites(sites: list[dict[str, Any]]) -> str:
    if not sites:
        return ""
    head = ("site", "kind", "layer", "module", "heads", "size", "layout", "grid", "prefix")
    rows = [
        (
            site["id"],
            site["kind"],
            site["layer"],
            site["name"] or "(the network)",
            _or_dash(site["heads"]),
            site["size"],
            site["layout"] or "–",
            (site["grid"] and "×".join(map(str, site["grid"]))) or "–",
            _or_dash(site["prefix_tokens"]),
        )
        for site in sites
    ]
    kinds = [site["kind"] for site in sites]
    counted = ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds))
    notes = dict.fromkeys(site["note"] for site in sites if site["note"])
    about_places = [
        f"  {', '.join(site['id'] for site in sites if site['note'] == note)}: {note}"
        for note in notes
    ]
    return "\n".join([f"Sites: {counted}", table(head, rows), *about_places])


def _or_dash(value: object) -> object:
    return "–" if value is None else value


def _cost(cost: dict[str, Any]) -> str:
    same = "the same bits" if cost["same_output"] else "another output"
    return (
        f"Cost: {cost['forward_ms']:.1f} ms without capture, {cost['captured_ms']:.1f} ms with it "
        f"({cost['ratio']:.2f} times, {cost['repeats']} passes each), "
        f"{bytes_in_words(cost['kept_bytes'])} kept a photo; {same}."
    )


def _maps(maps: list[dict[str, Any]]) -> str:
    width = max(len(one["name"]) for one in maps)
    lines = [
        f"  {one['name'].ljust(width)}  {'yes' if one['possible'] else 'no: ' + one['reason']}"
        for one in maps
    ]
    return "\n".join(["Maps:", *lines])
