"""Every mistake in a description is told with its line, and hinders no other model."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fovea.models.catalog.catalog import Catalog, UnknownModel, bundled
from fovea.models.catalog.folder import folder, model_file
from fovea.models.catalog.weights.weights import InvalidModelFile, UnusableNetwork
from tests.models.folder.conftest import PREPROCESSING

MISTAKES = """\
# a comment
builder = "timm:vit_tinny_patch16_224"
weigths = "x.safetensors"
task = "classify"
labels = [1, 2]
title = ""

[arguments]
pretrained = true

[preprocessing]
size = [224, 0]
mean = [0.5, 0.5]
std = 0
interpolation = "nearby"
crop = "middle"
resize = "big"
licence = "mit"
"""


def test_all_mistakes_are_told_at_once_with_line_and_choices(
    put: Callable[..., Catalog],
) -> None:
    catalog = put("bad", MISTAKES)
    (entry,) = folder.listed(catalog.models_dir or Path())
    told = {mistake.line: mistake.message for mistake in entry.mistakes if mistake.line}
    assert sorted(told) == [2, 3, 4, 5, 6, 12, 13, 14, 15, 16, 17, 18]
    assert "vit_tiny_patch16_224" in told[2]
    assert "did you mean `weights`" in told[3]
    assert "classification, segmentation, features" in told[4]
    assert "one a line" in told[5]
    assert "bilinear, bicubic, nearest" in told[15]
    assert "centre, centre-down, squash" in told[16]
    assert "above the first [table]" in told[18]
    (missing,) = [mistake.message for mistake in entry.mistakes if mistake.line is None]
    assert (
        missing
        == "there is no `weights`; it is the name of a .safetensors file, or hub:<owner>/<name>"
    )
    lines = catalog.complaints()
    assert len(lines) == len(entry.mistakes)
    assert lines[3].startswith("bad.toml, line 4: task: 'classify' is none of classification,")
    with pytest.raises(InvalidModelFile, match="line 13"):
        catalog.load("bad")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('builder = "timm:test_vit\n', 1, "Illegal character"),
        ("\n\n= 3\n", 3, "Invalid statement"),
        ('builder = "test_vit"\n', 1, "timm:<name>, transformers:<class or model type> or package"),
        ('builder = "no_such_package_here.nets:make"\n', 1, "PYTHONPATH"),
        ('builder = "transformers:ViTForImageClasification"\n', 1, "ViTForImageClassification"),
        ('weights = "missing.safetensors"\n', 1, "there is no file 'missing.safetensors' beside"),
        ('\nweights = "net.h5"\n', 2, "no .safetensors file, nor hub:"),
        ('labels = "missing.txt"\n', 1, "there is no file 'missing.txt'"),
        ("arguments = 3\n", 1, "it is a table"),
        ("preprocessing = 3\n", 1, "it is a table"),
        ("[preprocessing]\nmean = 0.5\n", 1, "needs `size`, `std`"),
        ("[preprocessing]\nmean = [1, 2, 3]\nstd = 1\n", 3, "mean has 3 numbers, std 1"),
        ("[preprocessing]\nsize = 64\nresize = 32\n", 3, "less than the size"),
        ('config = "config.json"\nbuilder = "timm:test_vit"\n', 1, "there is no file"),
        ("[nonsense]\nx = 1\n", 1, "there is no key `nonsense`"),
        ('summary = """\ntask = \n"""\ntask = "x"\n', 4, "'x' is none of"),
        ("preprocessing.crop = 'no'\n", 1, "'no' is none of centre, centre-down, squash"),
    ],
)
def test_a_mistake_is_told_where_it_stands(
    put: Callable[..., Catalog], text: str, line: int, message: str
) -> None:
    (entry,) = folder.listed(put("bad", text).models_dir or Path())
    told = [(mistake.line, mistake.message) for mistake in entry.mistakes]
    assert any(at == line and message in said for at, said in told), told


def test_a_broken_file_hinders_no_other(put: Callable[..., Catalog], own_code: Any) -> None:
    put("a", "nonsense")
    put("b", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"))
    text = (
        'builder = "my_nets_of_a_test:make"\nweights = "c.safetensors"\n'
        f"[arguments]\nclasses = 2\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2))
    (catalog.models_dir / "d.toml").write_bytes(b"title = '\xff'")  # type: ignore[operator]
    rows = catalog.listed()
    assert [row.id for row in rows] == ["c", *bundled(), "a", "b", "d"]
    assert [row.id for row in rows if row.reason] == ["a", "b", "d"]
    assert catalog.load("c").module is not None
    assert not catalog.local("a")
    with pytest.raises(UnknownModel, match="c"):
        catalog.spec("../c")


VALUES = r"""
    3 -1 nan inf true "" "x" [] [[]] [1,2,3] ["a"] {} {a=1} 1979-05-27 "latin.txt" "empty.json"
    "three.json" "." ".." "\u0000" "a\nb" "timm:" "timm:test_vit" ":" "a:b" "os:getcwd" "a..b:c"
    "hub:a/b" [nan,1,1] 99999999999999999999 "no.safetensors"
""".split()  # noqa: SIM905 (as a list it is a page long)


KEYS = (
    *model_file.TOP,
    *(f"preprocessing.{key}" for key in model_file.PREPROCESSING),
    "x.y",
    '"a b"',
)


def test_whatever_stands_in_a_file_is_read_or_told(
    put: Callable[..., Catalog], caplog: pytest.LogCaptureFixture
) -> None:
    home = put("a", "").models_dir or Path()
    (home / "latin.txt").write_bytes(b"caf\xe9")
    (home / "empty.json").write_text("{}")
    (home / "three.json").write_text("3")
    random = Random(7)
    for _ in range(400):
        lines = [
            f"{random.choice(KEYS)} = {random.choice(VALUES)}" for _ in range(random.randint(0, 6))
        ]
        if random.random() < 0.3:
            lines.insert(0, random.choice(("[preprocessing]", "[[arguments]]", "[", '[""]')))
        (home / "a.toml").write_text("\n".join(lines), encoding="utf-8")
        entry = folder.read(home / "a.toml")
        assert entry.mistakes, lines
        assert all(mistake.message for mistake in entry.mistakes)
        assert entry.spec.reason
    assert "cannot be understood" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "builder", "message"),
    [
        ("depht = 2", "make", "unexpected keyword argument 'depht'"),
        ("", "broken", r"OSError: no such thing: …\)"),
        ("", "number", "gave a int"),
        ("", "nothing", "has no attribute 'nothing'"),
        ("classes = 2\nchannels = 3", "make", "fails on a picture of its own size"),
    ],
)
def test_a_builder_that_fails_is_told(
    put: Callable[..., Catalog], own_code: Any, arguments: str, builder: str, message: str
) -> None:
    text = (
        f'builder = "my_nets_of_a_test:{builder}"\nweights = "c.safetensors"\n'
        f"[arguments]\n{arguments}\n{PREPROCESSING}"
    )
    catalog = put("c", text, own_code.make(2, 3))
    with pytest.raises(UnusableNetwork, match=message):
        catalog.load("c")


@pytest.mark.parametrize("name", ["hub:", "hub:net", "hub:../net", "hub:a/b/c", "hub:a/.."])
def test_a_repository_that_is_none(put: Callable[..., Catalog], name: str) -> None:
    (entry,) = folder.listed(put("a", f'weights = "{name}"').models_dir or Path())
    assert any("is not hub:<owner>/<name>" in mistake.message for mistake in entry.mistakes)
