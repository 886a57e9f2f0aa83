"""`fovea explain --server`: what it writes is what the server answers."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fovea.client import Client
from fovea.server.commands.cli import main as command
from tests.client.busy import narrow
from tests.server.conftest import VIT, Running, picture, serve, site, until, weights_dir

__all__ = ["narrow", "picture", "serve", "site", "weights_dir"]  # fixtures


def main(words: list[str]) -> int:
    """The exit code."""
    try:
        command(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_server_looks_and_draws(
    site: Running, picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(picture(0))
    (tmp_path / "b.png").write_bytes(b"no photo")
    there = ["--server", site.url, "--model", VIT]
    out = tmp_path / "row.npy"
    asked = ["--map", "attention", "--query", "1,2", "--layer", "0", "--head", "0"]
    assert main(["explain", str(photo), *there, *asked, "-o", str(out)]) == 0
    id = site.analyse(picture(0))["id"]
    told = site.client.get(f"/v1/analyses/{id}/sites/s00/attention?query=1,2&head=0").json()
    assert np.load(out).tolist() == pytest.approx(np.array(told["values"]))
    several = ["explain", str(photo), str(tmp_path / "b.png"), *there, "-o", str(tmp_path / "o")]
    assert main([*several, "--format", "png"]) == 1
    with Image.open(tmp_path / "o/a.png") as drawn:
        assert drawn.size == (200, 120)
    assert "1 of 2 photos done, 1 failed." in capsys.readouterr().err
    assert main(["explain", str(photo), *there, "--map", "rollout", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["map"], record["shape"]) == ("rollout", [10, 10])


def test_a_busy_server_is_waited_for(narrow, picture, tmp_path: Path) -> None:
    on, catalog = narrow
    photo, out = tmp_path / "a.png", tmp_path / "row.npy"
    photo.write_bytes(picture(2))
    with Client(on.url) as first:
        holds = threading.Thread(target=first.analyse, args=(picture(1),))
        holds.start()
        until(lambda: on.engine.admitted)
        before, opened = on.engine.places.refused, []

        def open_once_refused() -> None:
            until(lambda: on.engine.places.refused > before)
            opened.append(not out.exists())
            catalog.network.open.set()

        opening = threading.Thread(target=open_once_refused)
        opening.start()
        asked = ["--map", "attention", "--query", "3", "--layer", "0", "--head", "0"]
        assert main(["explain", str(photo), "--server", on.url, *asked, "-o", str(out)]) == 0
        holds.join()
        opening.join()
    assert opened == [True]
    assert np.load(out).shape == (16,)


def test_what_a_server_cannot_do_is_told(site: Running, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    photo.write_bytes(b"x")
    for wrong in (
        ["-o", "a.html"],
        ["-o", "a.png", "--device", "cpu"],
        ["-o", "a.png", "--beams", "2"],
    ):
        assert main(["explain", str(photo), "--server", site.url, *wrong]) == 2
    assert main(["explain", str(photo), "--server", "http://127.0.0.1:9", "-o", "a.png"]) == 1
