"""Map options of the commands: the map's name, its options, and how to compute it.

The registry of maps lists the options; the values come from the same code as the API's.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from fovea.models.methods import registry
from fovea.models.methods.base import BadOption, Option
from fovea.models.methods.options import VARIANT
from fovea.server.commands.common import USAGE, Stop
from fovea.server.commands.parsing import meant

if TYPE_CHECKING:
    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine

TAKEN: dict[str, tuple[str, ...]] = {
    method.name: tuple(option.name for option in method.options) for method in registry.METHODS
}
"""Lists every map with its options; naming an unknown map ends the command."""


def _listed() -> str:
    """One paragraph for each map: its name, description and options."""
    width = max(map(len, TAKEN)) + 4
    lines = ["maps:"]
    for method in registry.METHODS:
        takes = ", ".join(f"--{name}" for name in TAKEN[method.name])
        told = f"{method.summary}{f' ({takes})' if takes else ''}"
        lines += textwrap.wrap(
            told,
            96,
            initial_indent=f"  {method.name}".ljust(width),
            subsequent_indent=" " * width,
        )
    return "\n".join(lines)


MAPS = f"""\
{_listed()}

Where no map is named, the network's first of {", ".join(registry.FIRST)}.
A network that reads sentences has attention, between all its words unless --query or --word
names one, relevance and positions.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for the map and its options."""
    asked = parser.add_argument_group("what is shown")
    asked.add_argument(
        "--map",
        action="append",
        dest="maps",
        metavar="NAME",
        help="see below (the first that the network can have); may be given more than once",
    )
    add_options(asked)


def add_options(group: argparse._ActionsContainer, without: Collection[str] = ()) -> None:
    """Adds the map options. without: options for which the command has an argument of its own."""
    for option in registry.options():
        if option.name not in without:
            _add(group, option)


def _add(group: argparse._ActionsContainer, option: Option) -> None:
    valid = [one for one in option.schema.get("enum", ()) if one is not None]
    how: dict[str, Any] = {"choices": valid} if valid else {"metavar": option.metavar}
    default = "" if option.default is None else f" ({option.default})"
    told = f"{option.schema['description']}{default}".replace("%", "%%")
    group.add_argument(f"--{option.name}", help=told, **how)


def add_variant(parser: argparse._ActionsContainer) -> None:
    """Adds the choice between the definitions of rollout."""
    _add(parser, VARIANT)


def share(text: str) -> float:
    """Parses a number from 0 to 1, for argparse."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of 1")
    return value


def given(options: argparse.Namespace) -> dict[str, object]:
    """The map options that were given on the command line."""
    named = {option.name: getattr(options, option.name, None) for option in registry.options()}
    return {name: value for name, value in named.items() if value is not None}


def given_beside(options: argparse.Namespace, without: Collection[str]) -> dict[str, object]:
    """The options given for the one map named in `map`; ends the command if another map's option is
    given.

    without: options for which the command has an argument of its own.
    """
    named = {name: value for name, value in given(options).items() if name not in without}
    for name in named:
        if options.map in TAKEN and name not in TAKEN[options.map]:
            taking = ", ".join(registry.taking(name))
            raise Stop(f"--{name} is for {taking}; not for {options.map}.", USAGE)
    _check_names(options)
    _check_values(named)
    return named


def each(options: argparse.Namespace) -> list[argparse.Namespace]:
    """One set of options for each requested map: its name in `map`, and only the options that it
    has. If no map is named: a single set with `map` None.

    Ends the command for an unknown map, an option that none of the maps has, or an invalid value.
    """
    maps = list(dict.fromkeys(options.maps or [None]))
    for name in maps:
        if name is not None and name not in TAKEN:
            raise Stop(
                f"there is no map {name!r}.{meant(name, TAKEN)} Valid: {', '.join(TAKEN)}.", USAGE
            )
    named = given(options)
    for name in named if options.maps else ():
        if not any(name in TAKEN[one] for one in maps):
            taking = ", ".join(registry.taking(name))
            raise Stop(f"--{name} is for {taking}; not for {', '.join(maps)}.", USAGE)
    _check_names(options)
    _check_values(named)
    return [_of_map(options, one) for one in maps]


def _of_map(options: argparse.Namespace, name: str | None) -> argparse.Namespace:
    """The options without those that the map does not have."""
    others = () if name is None else [one for one in given(options) if one not in TAKEN[name]]
    return argparse.Namespace(**{**vars(options), **dict.fromkeys(others), "map": name})


def _check_names(options: argparse.Namespace) -> None:
    """Ends the command if two options select the same thing."""
    if options.site is not None and options.layer is not None:
        raise Stop("--site and --layer name the same thing; give one of them.", USAGE)
    if options.query is not None and options.word is not None:
        raise Stop("--query and --word name the same thing; give one of them.", USAGE)


def _check_values(named: Mapping[str, object]) -> None:
    """Ends the command if an option's value is invalid."""
    for option in registry.options():
        try:
            option.read(named.get(option.name, option.default))
        except BadOption as error:
            raise Stop(f"--{error}", USAGE) from error


async def with_map(
    engine: Engine, analysis: Analysis, options: argparse.Namespace
) -> argparse.Namespace:
    """The options with the map filled in: by default the first map that the network supports.

    Ends the command if that map lacks an option that was given; raises MapNotPossible if the
    network supports no map.
    """
    from fovea.server.answers.subject import learned_of
    from fovea.server.problems import MapNotPossible

    if options.map is not None:
        return options
    first = registry.first_of(await learned_of(engine, analysis))
    if first is None:
        raise MapNotPossible(f"{analysis.model.id} has nothing that attends, so there is no map.")
    for name in given(options):
        if name not in TAKEN[first.name]:
            taking = ", ".join(registry.taking(name))
            raise Stop(f"--{name} is for {taking}; not for {first.name}.", USAGE)
    return _of_map(options, first.name)


async def map_of(engine: Engine, analysis: Analysis, options: argparse.Namespace) -> NamedArray:
    """The map's values; raises a Problem if the network does not support it."""
    from fovea.server.answers import methods
    from fovea.server.engine import pools

    try:
        make = await methods.compute(engine, analysis, options.map, given(options))
        return await pools.run(pools.ANSWERS, make)
    except BadOption as error:
        said = str(error).replace(" with word:", " with --word:")
        raise BadOption(said, hint=error.hint) from error
