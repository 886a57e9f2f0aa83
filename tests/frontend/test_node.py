"""Runs the page's own tests (tests/frontend/*.test.js) with node: the one on PATH, else the one
that ships inside the playwright package.
"""

import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.test.js"))


def node() -> str:
    shipped = Path(playwright.__file__).parent / "driver" / "node"
    return shutil.which("node") or str(shipped)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_javascript(file: Path) -> None:
    run = subprocess.run([node(), "--test", str(file)], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_module_is_parsed() -> None:
    """A module that no test imports must at least be valid JavaScript."""
    frontend = HERE.parents[1] / "frontend"
    modules = [*frontend.glob("*.js"), *frontend.glob("panels/*.js")]
    assert modules
    for module in modules:
        run = subprocess.run([node(), "--check", str(module)], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
