"""The README does what it says: its Python runs, its links lead somewhere, its answer is real."""

import json
import re
from pathlib import Path

import pytest
import torch

from models import networks
from models.catalog import bundled

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_python_in_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    model = networks.build("vit", classes=5).eval()
    exec(block, {"model": model, "photo": torch.randn(1, 3, 112, 112)})
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].startswith("s00 attention blocks.0")


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


def test_its_answer_is_what_the_api_answers() -> None:
    from server.schemas import Analysis

    (answer,) = re.findall(r"```json\n(.*?)```", README, re.S)
    given = json.loads(answer.replace("…", "null").replace(", null", ""))
    assert set(given) <= set(Analysis.model_fields)
