"""Help: quick, with examples that work, and complete."""

import argparse
import re
import shlex
import subprocess
import sys

import pytest

from fovea.models.methods.registry import NAMES
from fovea.server.commands import asking, reference
from fovea.server.commands.cli import COMMANDS, main, parser
from tests.server.commands.conftest import ROOT


def test_help_is_quick_and_teaches() -> None:
    """Nothing heavy is imported to show it."""
    script = (
        "import sys\n"
        "from fovea.server.commands.cli import parser; parser().format_help()\n"
        "assert not {'torch', 'timm', 'fastapi', 'numpy', 'PIL', 'pydantic'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_command_has_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    for name, command in COMMANDS.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert "examples:" in capsys.readouterr().out
        for line in re.findall(rf"^  (?:\w+=\w+ )?fovea ({name}\b.*)", command.EPILOG, re.M):
            words = shlex.split(re.split(r"\s{2,}|\s+\|", line)[0])
            assert parser().parse_args(words).command == name


def test_every_map_of_the_server_is_offered() -> None:
    assert tuple(asking.TAKEN) == NAMES
    assert all(name in asking.MAPS for name in NAMES)
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    assert reference.maps() in page


def test_the_page_has_every_option_of_every_command() -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    assert reference.options() in page
    assert "`--server URL`" in reference.options()
    assert not re.findall(r"^\|[^|]*\|\s*\|$", reference.options(), re.M), "an option without help"


def test_every_option_of_a_map_can_be_said() -> None:
    taken = {name for names in asking.TAKEN.values() for name in names}
    options = parser().parse_args(["explain", "x.jpg", "-o", "x.png"])
    assert taken <= set(vars(options))
    given: argparse.Namespace = parser().parse_args(
        ["explain", "x.jpg", "-o", "x.png", "--map", "rollout", "--discard", "0.5"]
    )
    assert [one.map for one in asking.each(given)] == ["rollout"]
