"""Which map is asked for: its name, the options it heeds, and the way to its values.

What there is stands in the registry of maps; the values are made by what makes them for the API.
"""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from fovea.models.methods import registry
from fovea.models.methods.base import Option, did_you_mean
from fovea.models.methods.options import VARIANT
from fovea.server.commands.common import USAGE, Stop

if TYPE_CHECKING:
    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine

HEEDED: dict[str, tuple[str, ...]] = {
    method.name: tuple(option.name for option in method.options) for method in registry.METHODS
}
"""Every map with the options that change it; naming another one ends the command."""


def _listed() -> str:
    """A paragraph a map: its name, what it is and the options that it heeds."""
    width = max(map(len, HEEDED)) + 4
    lines = ["maps:"]
    for method in registry.METHODS:
        heeds = ", ".join(f"--{name}" for name in HEEDED[method.name])
        told = f"{method.summary}{f' ({heeds})' if heeds else ''}"
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
    """The map and its options."""
    asked = parser.add_argument_group("what is shown")
    asked.add_argument(
        "--map", metavar="NAME", help="see below (the first that the network can have)"
    )
    for option in registry.options():
        _add(asked, option)


def _add(group: argparse._ActionsContainer, option: Option) -> None:
    valid = [one for one in option.schema.get("enum", ()) if one is not None]
    how: dict[str, Any] = {"choices": valid} if valid else {"metavar": option.metavar}
    default = "" if option.default is None else f" ({option.default})"
    told = f"{option.schema['description']}{default}".replace("%", "%%")
    group.add_argument(f"--{option.name}", help=told, **how)


def add_variant(parser: argparse._ActionsContainer) -> None:
    """Whose definition of rollout."""
    _add(parser, VARIANT)


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of 1")
    return value


def given(options: argparse.Namespace) -> dict[str, object]:
    """The options of maps that were named."""
    named = {option.name: getattr(options, option.name, None) for option in registry.options()}
    return {name: value for name, value in named.items() if value is not None}


def check(options: argparse.Namespace) -> None:
    """Ends the command where the map does not exist or does not heed an option that was named."""
    from fovea.models.methods.base import BadOption

    if options.map not in HEEDED:
        raise Stop(
            f"there is no map {options.map!r}; valid: {', '.join(HEEDED)}."
            f"{did_you_mean(options.map, HEEDED)}",
            USAGE,
        )
    for name in given(options):
        if name not in HEEDED[options.map]:
            heeding = ", ".join(registry.heeding(name))
            raise Stop(f"--{name} is for {heeding}; not for {options.map}.", USAGE)
    if options.site is not None and options.layer is not None:
        raise Stop("--site and --layer name the same thing; give one of them.", USAGE)
    if options.query is not None and options.word is not None:
        raise Stop("--query and --word name the same thing; give one of them.", USAGE)
    try:
        registry.method(options.map).read(given(options))
    except BadOption as error:
        raise Stop(f"--{error}", USAGE) from error


async def with_map(
    engine: Engine, analysis: Analysis, options: argparse.Namespace
) -> argparse.Namespace:
    """The options with a map's name: the first that the network can have where none is named.

    Ends the command where that map does not heed an option that was named; raises MapNotPossible
    where the network can have none.
    """
    from fovea.server.answers.subject import learned_of
    from fovea.server.problems import MapNotPossible

    if options.map is not None:
        return options
    first = registry.first_of(await learned_of(engine, analysis))
    if first is None:
        raise MapNotPossible(f"{analysis.model.id} has nothing that attends, so there is no map.")
    named = argparse.Namespace(**{**vars(options), "map": first.name})
    check(named)
    return named


async def map_of(engine: Engine, analysis: Analysis, options: argparse.Namespace) -> NamedArray:
    """The values that are asked for; raises a Problem where this network cannot have them."""
    from fovea.models.methods.base import BadOption
    from fovea.server.answers import methods

    try:
        return (await methods.compute(engine, analysis, options.map, given(options)))()
    except BadOption as error:
        said = str(error).replace(" with word:", " with --word:")
        raise BadOption(said, hint=error.hint) from error
