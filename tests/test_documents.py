"""What the documents tell people to paste does what they say, in a folder with nothing but them."""

import glob
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from fovea.server.commands.cli import main, parser
from tests.server.conftest import Running, running

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CLI = (ROOT / "docs/cli.md").read_text("utf-8")
API = (ROOT / "docs/api.md").read_text("utf-8")

COMMANDS: list[str] = re.findall(r"^    \$ (.+)$", CLI, re.M)
"""The lines of docs/cli.md that begin with a prompt."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the samples where a checkout has them, and no settings."""
    for name in [name for name in os.environ if name.startswith("FOVEA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    (tmp_path / "frontend").symlink_to(ROOT / "frontend")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_works(line: str, folder: Path) -> None:
    if "|" in line:
        _in_a_shell(line)
        return
    # as a shell fills patterns in
    words = [found for word in shlex.split(line) for found in (glob.glob(word) or [word])]  # noqa: PTH207
    given = parser().parse_args(words[1:])
    if given.command == "doctor":
        return  # tests/server/commands/test_doctor.py runs it, and it takes a while
    main(words[1:])
    if given.command == "explain":
        assert Path(given.output).exists()


def _in_a_shell(line: str) -> None:
    """A line with a pipe. `fovea` is this environment's."""
    called = f"{shlex.quote(sys.executable)} -m fovea"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", re.sub(r"\bfovea\b", lambda _: called, line)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "jq: command not found" in done.stderr:
        pytest.skip("this machine has no jq")
    assert done.returncode == 0, done.stderr


def test_the_python_of_the_readme_runs_when_pasted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("Site(s00, ")
    with Image.open(folder / "sunflower.png") as picture:
        assert picture.size == (480, 360)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    from fovea.server.settings import Settings

    with running(Settings(offline=True)) as started:
        yield started


def test_the_python_of_the_client_runs_when_pasted(
    folder: Path, server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "CHANGELOG.md").symlink_to(ROOT / "CHANGELOG.md")
    page = (ROOT / "docs/client.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    block = block.replace("http://127.0.0.1:8000", server.url)
    exec(compile(block, "client.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["sunflower", "(14, 14)"]
    assert lines[3:] == ["sunflower.jpg seen", "CHANGELOG.md unsupported-format", lines[-1]]
    assert len(lines) == 6
    with Image.open(folder / "relevance.png") as picture:
        assert picture.size == (480, 360)


def asked(page: str) -> list[str]:
    """The calls of curl on a page, each on one line."""
    return re.findall(r"^    (curl .+)$", page.replace("\\\n      ", ""), re.M)


@pytest.mark.parametrize("page", [README, API], ids=["README.md", "api.md"])
def test_the_calls_of_the_page_are_answered(page: str, folder: Path, server: Running) -> None:
    calls = asked(page)
    assert len(calls) >= 2
    assert re.search(r"^    ID=[0-9a-f]{20} ", page, re.M)
    answers: list[bytes] = []
    for call in calls:
        identity = json.loads(answers[0])["id"] if answers else ""
        line = f"ID={identity}; " + call.replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(
            ["bash", "-c", f"{line} --fail-with-body"],
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        answers.append(done.stdout)
    analysis = json.loads(answers[0])
    # The numbers that the page shows are the answer's own.
    assert "/v1/analyses/$ID/sites/" in calls[1]
    label, score = (analysis["predictions"][0][name] for name in ("label", "score"))
    told = re.search(rf'"label": ?"{label}", ?"score": ?([\d.]+)', page)
    assert told is not None
    assert score == pytest.approx(float(told[1]), abs=2e-3)
    if (folder / "map.png").exists():
        with Image.open(folder / "map.png") as picture:
            assert picture.size == (480, 360)
    else:
        row = json.loads(answers[1])
        assert f'"sentence":"{row["sentence"]}"' in page
        assert str(row["shape"]).replace(" ", "") in page
