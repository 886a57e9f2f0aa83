"""The notebooks of examples/ run, cell after cell, and what they show can be shown."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def run(notebook: Path) -> list[Any]:
    """The value of the last line of each cell, as a notebook shows it; None where it is none."""
    space: dict[str, Any] = {}
    shown = []
    for number, cell in enumerate(json.loads(notebook.read_text("utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        name = f"{notebook.name}, cell {number}"
        exec(compile(tree, name, "exec"), space)
        if last is not None:
            assert isinstance(last, ast.Expr)
            shown.append(eval(compile(ast.Expression(last.value), name, "eval"), space))
    return shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOVEA_WEIGHTS_DIR", "FOVEA_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    shown = run(notebook)
    pictures = [one for one in shown if isinstance(one, Image.Image) or hasattr(one, "_repr_png_")]
    assert pictures
    for value in shown:
        assert len(repr(value)) < 2000
        for form in ("_repr_png_", "_repr_html_"):
            assert getattr(value, form, lambda: "nothing of the kind")()


def test_a_notebook_holds_no_outputs() -> None:
    """They would be of somebody's machine, and go stale."""
    for notebook in NOTEBOOKS:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_list_of_examples_is_complete() -> None:
    listed = re.findall(r"\]\((\w+\.ipynb)\)", (ROOT / "examples/README.md").read_text("utf-8"))
    assert sorted(listed) == [notebook.name for notebook in NOTEBOOKS]
