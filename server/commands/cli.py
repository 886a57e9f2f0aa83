"""`fovea`: the command line. Each command is a module of `server/commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fovea.server.commands import doctor, explain, models, serve
from fovea.server.commands.common import Stop, say
from fovea.server.commands.serve import address, listen

__all__ = ["COMMANDS", "address", "listen", "main"]

COMMANDS = {"serve": serve, "models": models, "doctor": doctor, "explain": explain}

EPILOG = """\
start here:
  fovea serve                                       the page, in your browser
  fovea explain cat.jpg --map rollout -o cat.png    a map on a photo
  fovea models                                      which networks there are
  fovea doctor vit                                  what can be seen in one of them

`fovea COMMAND --help` has more examples; docs/cli.md has all of it.
"""

INTERRUPTED = 130
"""What shells expect of a command that was stopped with Ctrl+C."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 something could not be done, 2 not understood."""
    options = parser().parse_args(arguments)
    try:
        code: int = COMMANDS[options.command].run(options)
    except Stop as stop:
        say(f"fovea {options.command}: {stop}")
        code = stop.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # The reader of the output has had enough, `| head` for example.
        sys.stderr.close()
        code = 0
    if code:
        sys.exit(code)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="fovea",
        description="See what a vision network attended to.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", metavar="command", required=True)
    for name, command in COMMANDS.items():
        command.add(
            commands.add_parser(
                name,
                help=command.SUMMARY,
                description=command.DESCRIPTION,
                epilog=command.EPILOG,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return whole
