"""Edits, sweeps and evidence on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_evidence_of_a_known_truth_for_the_map_that_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(PHOTO) as photo:
        width, height = photo.size
    asked = ["--model", "vit", "--map", "attention", "--measure", "truth"]
    asked += ["--site", "s08", "--query", "5,6", "--head", "1"]
    box = (width // 4, height // 8, 3 * width // 4, 7 * height // 8)
    main(["evidence", str(PHOTO), *asked, "--box", ",".join(map(str, box))])
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert 0 < float(row["score"]) < 1
    assert row["hit"] in ("True", "False")
    # The same as a picture, found in a folder by the photo's name.
    picture = Image.new("L", (width, height))
    picture.paste(255, box)
    masks = tmp_path / "masks"
    masks.mkdir()
    picture.save(masks / "sunflower.png")
    main(["evidence", str(PHOTO), *asked, "--mask", str(masks)])
    (again,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert float(again["score"]) == pytest.approx(float(row["score"]), rel=1e-6)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["--measure", "truth"], "needs a mask"),
        (["--measure", "truth", "--box", "1,2"], "LEFT,TOP,RIGHT,BOTTOM"),
        (["--measure", "truth", "--box", "0,0,9,9", "--mask", "x.png"], "the same thing"),
        (["--measure", "truth", "--mask", "nowhere.png"], "nowhere.png"),
        (["--measure", "deletion", "--query", "3,3"], "--query is for"),
    ],
)
def test_evidence_says_what_would_do(
    said: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evidence", str(PHOTO), "--model", "vit", "--map", "rollout", *said])
    assert ended.value.code in (1, 2)
    assert why in capsys.readouterr().err
