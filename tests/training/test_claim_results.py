"""What is known of a claim's trainings, wherever they were run."""

import json
from pathlib import Path

import pytest

from training.claims import results
from training.claims.claim import Claim
from training.claims.results import Outcome, collect, read_outcomes, write_outcome
from training.claims.small import residual

CLAIM = Claim("rooms", "a", "b", {"with": residual(), "without": residual("se")})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(results, "DOCS", tmp_path / "docs")
    return tmp_path


def outcome(variant: str, seed: int, score: float, device: str = "CPU") -> Outcome:
    return Outcome(variant, seed, {"val_dice": score, "forward_ms": 10 * score}, 7, 2.0, device)


def test_what_another_machine_published_is_kept_beside_what_is_trained_here(
    elsewhere: Path,
) -> None:
    for seed, score in ((0, 0.5), (2, 0.7)):
        write_outcome(CLAIM, outcome("with", seed, score, "GPU"))
    collect(CLAIM)
    # A fresh checkout has what was published, and nothing of the runs.
    (elsewhere / "runs").rename(elsewhere / "gone")
    assert [(one.seed, one.scores["val_dice"]) for one in read_outcomes(CLAIM)] == [
        (0, 0.5),
        (2, 0.7),
    ]
    write_outcome(CLAIM, outcome("with", 1, 0.9))
    content = json.loads(collect(CLAIM).read_text(encoding="utf-8"))["variants"]
    assert set(content) == {"with"}
    assert content["with"]["seeds"] == [0, 1, 2]
    score = content["with"]["scores"]["val_dice"]
    assert score["values"] == [0.5, 0.9, 0.7]
    assert score["mean"] == pytest.approx(0.7)
    assert score["deviation"] == pytest.approx(0.2)
    # Milliseconds of two machines have no mean.
    assert content["with"]["scores"]["forward_ms"]["values"] == [5.0, 7.0]
    assert content["with"]["device"] == "GPU"


def test_a_training_repeated_here_takes_the_place_of_the_published_one() -> None:
    write_outcome(CLAIM, outcome("without", 0, 0.5))
    collect(CLAIM)
    write_outcome(CLAIM, outcome("without", 0, 0.6))
    assert [one.scores["val_dice"] for one in read_outcomes(CLAIM)] == [0.6]
