"""What an installation adds to Python: one name, fovea, that gets along with anybody's folders."""

import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = {"build", "dist", "runs", "cache", "weights", "node_modules"}
"""What a machine makes for itself, at the top of the tree."""

NOT_SOURCE = shutil.ignore_patterns("__pycache__")

A_PROJECT = {
    "models/__init__.py": "mine = True",
    "server/__init__.py": "mine = True",
    "frontend/__init__.py": "mine = True",
    "tests/__init__.py": "mine = True",
    "training/__init__.py": "mine = True",
    "benchmarks.py": "mine = True",
}

USES = """
import fovea, numpy as np, torch
from fovea import capture, load, overlay, prepare, read_photo, rollout
assert fovea.__file__.startswith(INSTALLED), fovea.__file__
for name in ("models", "server", "frontend", "tests", "training", "benchmarks"):
    assert __import__(name).mine, name
vit = load("vit")
photo = read_photo(np.full((90, 120, 3), 100, np.uint8))
inputs, geometry = prepare(photo, vit.spec.preprocessing)
with capture(vit.module, places=vit.layouts) as trace:
    vit.module(inputs)
assert overlay(rollout(trace), photo, geometry).size == (120, 90)
"""


def build(kind: str, source: Path, target: Path) -> Path:
    """The file that setuptools makes of a source tree, without a network."""
    script = (
        "import os, sys, setuptools.build_meta as backend; os.chdir(sys.argv[1]); "
        f"print(backend.build_{kind}(sys.argv[2]))"
    )
    built = subprocess.run(
        [sys.executable, "-c", script, source, target],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target / built.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the tree: what an earlier build left beside it must not get in."""
    folder = tmp_path_factory.mktemp("packaging")
    copy = folder / "tree"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
        elif not (path.name.startswith(".") or path.name in LEFT_OUT or path.suffix == ".egg-info"):
            shutil.copytree(path, copy / path.name, symlinks=True, ignore=NOT_SOURCE)
    return build("wheel", copy, folder)


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_holds_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"fovea"}
    for needed in (
        "fovea/py.typed",
        "fovea/models/checkpoints/vit.safetensors",
        "fovea/frontend/index.html",
        "fovea/frontend/samples/sunflower.jpg",
        "fovea/server/http/docs/index.html",
        "fovea/server/wire/colormaps.json",
        "fovea/server/commands/page.html",
    ):
        assert needed in names
    assert not [name for name in names if "/tests/" in name or name.endswith(".pyc")]


def test_every_module_of_the_repository_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("fovea/")}
    written = {
        f"fovea/{path.relative_to(ROOT).as_posix()}"
        for folder in ("models", "server", "frontend")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert written <= packed, sorted(written - packed)[:10]


def test_it_gets_along_with_folders_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    installed, project = tmp_path / "installed", tmp_path / "project"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    for name, content in A_PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    script = f"INSTALLED = {str(installed)!r}\n{USES}"
    (project / "notebook.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=project,
        env={"PYTHONPATH": str(installed), "FOVEA_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # A single file of that name is as common.
    shutil.rmtree(project / "models")
    (project / "models.py").write_text("mine = True")
    again = subprocess.run(
        [sys.executable, "-m", "fovea", "models", "--json"],
        cwd=project,
        env={"PYTHONPATH": str(installed), "FOVEA_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert '"id": "vit"' in again.stdout


def test_nothing_else_can_be_imported_from_elsewhere(tmp_path: Path) -> None:
    """Not from this checkout's own installation either."""
    script = (
        "import sys, importlib.util as u; "
        "print([n for n in ('models', 'server', 'frontend') if u.find_spec(n)]); "
        "print(*sys.path, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found, *places = done.stdout.splitlines()
    if str(ROOT) in places:
        pytest.skip("this environment names the checkout itself as a place to import from")
    assert found == "[]"


def test_a_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = build("sdist", wheel.parent / "tree", tmp_path)
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build("wheel", tmp_path / source.name.removesuffix(".tar.gz"), tmp_path)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert set(one.namelist()) == set(other.namelist())


def test_it_says_what_it_is(metadata: Message) -> None:
    import fovea

    assert metadata["Name"] == "fovea-microscope"
    assert metadata["Version"] == fovea.__version__
    assert metadata.get_all("License-File") == ["LICENSE", "NOTICE"]
    notice = (ROOT / "NOTICE").read_text()
    assert all(path.stem in notice for path in (ROOT / "models/checkpoints").glob("*.json"))
    needed = [one for one in metadata.get_all("Requires-Dist") or [] if "extra ==" not in one]
    names = {re.split(r"[^\w-]", one)[0] for one in needed}
    assert {"torch", "torchvision", "timm", "fastapi"} <= names
    assert not {"grad-cam", "opencv-python", "scipy", "scikit-learn", "matplotlib"} & names
    assert not [one for one in needed if "==" in one]


def test_the_documents_name_no_strangers_package() -> None:
    """`fovea` on the package index is somebody else's project."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*")]
    wrong = re.compile(r"pip install[^\n`]*\bfovea\b(?!-microscope)|[^-]\bfovea\[")
    told = [page.name for page in pages if page.is_file() and wrong.search(page.read_text("utf-8"))]
    assert not told
