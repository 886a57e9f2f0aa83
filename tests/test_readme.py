"""The README does what it says: its Python runs, its links lead somewhere, its answer is real."""

import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models.catalog import timm_zoo
from fovea.models.catalog.catalog import Catalog, bundled
from fovea.models.preprocessing import prepare
from fovea.models.running.inference import run
from fovea.server.commands.cli import main, parser
from fovea.server.wire.schemas import Analysis

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    missing = [
        target
        for target in targets
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not missing


def test_every_network_that_ships_is_in_its_table() -> None:
    missing = [model for model in bundled() if f"`{model}`" not in README]
    assert not missing


def test_its_commands_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a fresh checkout: nothing but what ships."""
    lines = re.findall(r"^    \.venv/bin/fovea (.+)$", README, re.M)
    explain, doctor = map(shlex.split, lines)
    for name in [name for name in os.environ if name.startswith("FOVEA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frontend").symlink_to(ROOT / "frontend")
    main(explain)
    with Image.open(tmp_path / explain[-1]) as picture:
        assert picture.size == (480, 360)
    given = parser().parse_args(doctor)
    assert (given.command, given.random_weights) == ("doctor", True)
    assert timm_zoo.exists(given.model)


def test_its_answer_is_the_real_one() -> None:
    """The call of the README, without the socket: same photo, same network, same numbers."""
    (answer,) = re.findall(r"```json\n(.*?)```", README, re.S)
    given = json.loads(answer)
    photo = torch.tensor(np.asarray(Image.open(ROOT / "frontend/samples/sunflower.jpg")))
    loaded = Catalog().load(given["model"])
    pixels, geometry = prepare(photo.permute(2, 0, 1), loaded.spec.preprocessing)
    logits, (trace,) = run(loaded.module, pixels, loaded.layouts)
    scores, indices = logits.softmax(-1)[0].topk(2)
    for entry, score, index in zip(given["predictions"], scores, indices, strict=True):
        assert (entry["index"], entry["label"]) == (int(index), loaded.spec.label(int(index)))
        assert entry["score"] == pytest.approx(float(score), abs=2e-3)
    assert given["image"] == {"width": geometry.image_width, "height": geometry.image_height}
    assert given["geometry"]["crop"] == pytest.approx(geometry.crop, abs=1e-3)
    (site,) = given["sites"]
    assert site["name"] in {found.name for found in trace.sites if found.id == site["id"]}
    assert set(given) <= set(Analysis.model_fields)
