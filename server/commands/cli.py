"""`fovea`, the command line. Each command is a module of `server/commands`."""

from __future__ import annotations

# PYTHON_ARGCOMPLETE_OK
import argparse
import os
import sys
from collections.abc import Sequence

from fovea.models.version import VERSION
from fovea.server.commands import convert, doctor, evidence, explain, models, serve, sweep
from fovea.server.commands.common import Stop, say, tolerate_encoding
from fovea.server.commands.parsing import Parser
from fovea.server.commands.serve import address, listen
from fovea.server.commands.spoken import LANGUAGE, OPTION, NotSpoken, language_of, spoken, taken

__all__ = ["COMMANDS", "address", "listen", "main"]

COMMANDS = {
    "serve": serve,
    "models": models,
    "doctor": doctor,
    "explain": explain,
    "sweep": sweep,
    "evidence": evidence,
    "convert": convert,
}

EPILOG = """\
start here:
  fovea serve                                       the page, in your browser
  fovea explain cat.jpg --map rollout -o cat.png    a map on a photo
  fovea models                                      which networks there are
  fovea doctor vit                                  what can be seen in one of them

`fovea COMMAND --help` has more examples; docs/cli.md has all of it.
"""

INTERRUPTED = 130
"""Exit status that shells expect after Ctrl+C."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with 0 (done), 1 (something failed) or 2 (usage error)."""
    tolerate_encoding()
    words, asked = taken(sys.argv[1:] if arguments is None else arguments)
    try:
        LANGUAGE.set(language_of(asked))
    except NotSpoken as error:
        parser().error(str(error))
    whole = parser()
    complete(whole)
    options, unknown = whole.parse_known_args(words)
    if options.command is None:
        if unknown:
            whole.refuse(unknown[0])
        whole.print_help()
        return
    if unknown:
        command_parsers(whole)[options.command].refuse(unknown[0])
    try:
        code: int = COMMANDS[options.command].run(options)
    except Stop as stop:
        say(f"fovea {options.command}: {spoken(str(stop))}")
        code = stop.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader closed the pipe, as `| head` does
        sys.stderr.close()
        code = 0
    if code:
        sys.exit(code)


def complete(whole: Parser) -> None:
    """Completes the line for the calling shell, if argcomplete is installed."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(whole)


def command_parsers(whole: Parser) -> dict[str, Parser]:
    """The parser of each command, by name."""
    (commands,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    return dict(commands.choices)


def parser() -> Parser:
    """The parser of the whole command line."""
    whole = Parser(
        prog="fovea",
        description="See what a vision network attended to.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"fovea {VERSION}")
    whole.add_argument(
        OPTION, metavar="LANGUAGE", help="en or zh, behind a command too (FOVEA_LANG)"
    )
    commands = whole.add_subparsers(dest="command", metavar="command")
    for name, command in COMMANDS.items():
        command.add(
            commands.add_parser(
                name,
                help=spoken(command.SUMMARY),
                description=command.DESCRIPTION,
                epilog=command.EPILOG,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return whole
