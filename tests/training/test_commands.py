"""`python -m training` and `python -m benchmarks`: what is missing is told in a sentence."""

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.__main__ import main as bench
from training.__main__ import main as train


def test_training_without_its_data_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"caltech101_train\.npz is not in .*FOVEA_DATA_DIR"):
        train(["se_resnet", "--data", str(tmp_path)])


def test_an_unknown_recipe_names_a_close_one() -> None:
    with pytest.raises(SystemExit, match="Did you mean se_resnet"):
        train(["se_resnt"])


def test_the_benchmarks_have_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        bench(["--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BENCHMARKS)
    root = Path(__file__).parents[2] / "benchmarks"
    assert all((root / f"{name}.py").is_file() for name in BENCHMARKS)


def test_an_unknown_benchmark_names_a_close_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        bench(["captur"])
    assert end.value.code == 2
    assert "Did you mean capture?" in capsys.readouterr().err
