"""`fovea models`: the catalogue and the names of the hub, as a table and as JSON."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fovea.models.catalog.catalog import bundled
from fovea.server.commands.common import table
from tests.server.commands.conftest import UNSET, told
from tests.server.conftest import VIT


@pytest.mark.usefixtures("here")
def test_the_catalogue_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("models") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "mechanisms", "size", "status", "score"]
    assert {line.split()[0] for line in lines[1:]} >= {VIT, *bundled()}
    assert told("models", "--json") == 0
    every = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert every["vit"]["status"] == "ready"
    assert every["vit"]["score"] == dict(bundled()["vit"].metrics)
    assert every[VIT]["source"] == "local"


@pytest.mark.usefixtures("here")
def test_words_find_names_of_the_hub(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("models", "vit", "small", "dinov2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found
    assert all(all(w in row["id"] for w in ("vit", "small", "dinov2")) for row in found)
    assert told("models", "no", "such", "thing") == 1
    assert "Fewer words find more" in capsys.readouterr().err
    assert told("models", "vit", "--limit", "2") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_table_lines_up() -> None:
    assert table(("id", "n"), [("vit", 3), ("tnt", 12)]) == "id    n\nvit   3\ntnt  12"


def test_a_reader_that_has_had_enough() -> None:
    """`fovea models | head -1` ends quietly."""
    script = f"{Path(sys.executable).with_name('fovea')} models | head -1"
    done = subprocess.run(
        ["bash", "-c", script], env=UNSET, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("id ")
    assert done.stderr == ""
    assert io.StringIO(done.stdout).readline()
