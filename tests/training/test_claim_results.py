"""What is known of a claim's trainings, wherever they were run."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from docs import part_tables
from training.claims import __main__ as main
from training.claims import results
from training.claims.__main__ import Training, missing, side_by_side
from training.claims.claim import Claim
from training.claims.part_figures import summary
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


def test_what_is_missing_is_asked_for_seed_by_seed() -> None:
    write_outcome(CLAIM, outcome("with", 0, 0.5))
    collect(CLAIM)
    assert missing([CLAIM], None, None) == [
        ("rooms", "without", 0),
        ("rooms", "with", 1),
        ("rooms", "without", 1),
        ("rooms", "with", 2),
        ("rooms", "without", 2),
    ]
    assert missing([CLAIM], "with", None) == [("rooms", "with", 1), ("rooms", "with", 2)]
    assert missing([CLAIM], "with", 0) == []


def test_side_by_side_a_training_of_two_claims_is_never_run_twice_at_once(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real processes, in place of trainings, that mark when they begin and end."""
    log = elsewhere / "log"
    write = "import sys, time; log = open(sys.argv[1], 'a', 1)"
    note = f"{write}; log.write('+' + sys.argv[2]); time.sleep(0.3); log.write('-' + sys.argv[2])"

    def command(training: Training, rest: Sequence[str]) -> list[str]:
        failing = training == Training("tnt", "tnt", 1)
        mark = {"learned_1d": "v", "vit": "v", "tnt": "t"}[training.variant]
        code = f"{note}; sys.exit({int(failing)})"
        return [sys.executable, "-c", code, str(log), mark]

    monkeypatch.setattr(main, "command_of", command)
    trainings = [
        Training("positions", "learned_1d", 0),
        Training("tnt", "tnt", 0),
        Training("receptive_field", "vit", 0),
        Training("tnt", "tnt", 1),
    ]
    assert side_by_side(trainings, 4, []) == [Training("tnt", "tnt", 1)]
    order = re.findall(r"[+-]v", log.read_text())
    assert order == ["+v", "-v", "+v", "-v"]


def test_the_tables_of_parts_are_those_of_the_result_file() -> None:
    page = part_tables.PAGE.read_text(encoding="utf-8")
    assert part_tables.written(page) == page


def test_what_parts_are_worth_by_hand() -> None:
    """Two heads, three draws of two photos: means, spread, and which is the dearest."""
    lines: list[dict[str, Any]] = [
        {"key": "whole/0/0", "seconds": 1, "sites": {"s00": ["own", "attention"]},
         "right": [[True, True], [True, False], [True, True]]},
        {"key": "head/s00/0", "seconds": 1, "logit": [[1, 3], [2, 4], [0, 2]],
         "probability": [[0.2, 0.4], [0.1, 0.3], [0.3, 0.3]], "right": [[True, False]] * 3},
        {"key": "head/s00/1", "seconds": 1, "logit": [[0, 0]] * 3,
         "probability": [[0, 0.01]] * 3, "right": [[True, True]] * 3},
    ]  # fmt: skip
    rho = [{"rho": one, "centre": 0.1, "edges": float("nan"), "random": 0.0} for one in (0.2, 0.4)]
    lines += [
        {"key": f"patches/{draw}/{photo}", "seconds": 1, "maps": {"rollout": rho[photo]}}
        for draw in range(3)
        for photo in range(2)
    ]
    found = summary(lines)
    head = found["head"]
    assert head["parts"] == 2
    assert head["most"]["part"] == "head/s00/0"
    assert head["most"]["probability"]["values"] == pytest.approx([0.3, 0.2, 0.3])
    assert head["probability"]["mean"] == pytest.approx((0.305 + 0.205 + 0.305) / 6, abs=1e-5)
    assert head["little"]["values"] == [0.5] * 3
    assert head["most"]["points_of_accuracy"]["values"] == pytest.approx([50, 0, 50])
    assert head["stable"]["mean"] == 1
    assert found["rho"]["rollout"]["rho"]["values"] == pytest.approx([0.3] * 3)
    assert "edges" not in found["rho"]["rollout"]
