"""Edits, sweeps and evidence on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from fovea.server.commands.cli import main

SAMPLES = Path(__file__).parents[3] / "frontend" / "samples"
PHOTO = SAMPLES / "sunflower.jpg"
FOLDER_EDIT = json.dumps({"edit": "block", "site": "s05", "queries": ["cls"], "keys": [[0, 0]]})


def test_explain_looks_with_an_edit(tmp_path: Path) -> None:
    out = tmp_path / "row.npy"
    asked = ["--model", "vit", "--map", "attention", "--site", "s05", "--query", "cls"]
    main(["explain", str(PHOTO), *asked, "--edit", FOLDER_EDIT, "-o", str(out)])
    values = np.load(out)
    assert values[0, 0] == 0
    assert values.sum() > 0


@pytest.mark.parametrize("edit", ['{"edit": "of"}', "off", "[]"])
def test_an_edit_that_is_none_ends_the_command(
    edit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(PHOTO), "--edit", edit, "--json"])
    assert ended.value.code == 2
    assert "--edit" in capsys.readouterr().err


def test_sweep_writes_one_table_of_all_photos(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(PHOTO.read_bytes())
    (tmp_path / "c.jpg").write_bytes(b"no photo")
    out = tmp_path / "layers.csv"
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(tmp_path), "--model", "vit", "--over", "layers", "-o", str(out)])
    assert ended.value.code == 1  # for the one that is no photo; the others are done
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    photos = [Path(row["photo"]).name for row in rows]
    assert set(photos) == {"a.jpg", "b.jpg"}
    assert photos.count("a.jpg") == photos.count("b.jpg") > 1
    assert len({row["layer"] for row in rows}) == photos.count("a.jpg")


def test_evidence_prints_a_row_a_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--model", "vit", "--map", "rollout", "--measure", "deletion", "--steps", "4"]
    main(["evidence", str(PHOTO), *asked])
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert float(row["random spread"]) > 0
    assert row["sentence"].startswith("Hiding what this map marks")
    page = tmp_path / "evidence.html"
    main(["evidence", str(PHOTO), *asked, "-o", str(page)])
    assert row["sentence"] in page.read_text(encoding="utf-8")
