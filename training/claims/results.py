"""What the trainings of a claim gave: one file a training, gathered into one a claim."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from training.claims.claim import SEEDS, Claim

RUNS = Path("runs/claims")
DOCS = Path("docs/claims")


@dataclass(frozen=True)
class Outcome:
    """One training: its scores on held-out examples, parameters, and what the last epoch took."""

    variant: str
    seed: int
    scores: dict[str, float]
    parameters: int
    seconds_per_epoch: float
    device: str


def run_folder(claim: Claim, variant: str, seed: int) -> Path:
    """Where a training of the claim keeps its state and its outcome."""
    return RUNS / claim.id / f"{variant}-{seed}"


def write_outcome(claim: Claim, outcome: Outcome) -> None:
    """Beside the training's state."""
    folder = run_folder(claim, outcome.variant, outcome.seed)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(outcome), indent=1)
    (folder / "outcome.json").write_text(text + "\n", encoding="utf-8")


def read_outcomes(claim: Claim) -> list[Outcome]:
    """Those that there are, in the claim's order."""
    files = [
        run_folder(claim, variant, seed) / "outcome.json"
        for variant in claim.variants
        for seed in SEEDS
    ]
    return [
        Outcome(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.is_file()
    ]


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds of one variant's scores.

    The deviation is the sample's (n - 1), none for a single seed.
    """
    figures = {name: [outcome.scores[name] for outcome in outcomes] for name in outcomes[0].scores}
    return {
        "seeds": [outcome.seed for outcome in outcomes],
        "parameters": outcomes[0].parameters,
        "seconds_per_epoch": mean(outcome.seconds_per_epoch for outcome in outcomes),
        "device": outcomes[0].device,
        "scores": {
            name: {
                "values": values,
                "mean": mean(values),
                "deviation": stdev(values) if len(values) > 1 else None,
            }
            for name, values in figures.items()
        },
    }


def collect(claim: Claim) -> Path:
    """docs/claims/<claim>.json from the trainings that are done."""
    outcomes = read_outcomes(claim)
    variants = {
        variant: summary(found)
        for variant in claim.variants
        if (found := [outcome for outcome in outcomes if outcome.variant == variant])
    }
    path = DOCS / f"{claim.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "id": claim.id,
        "sentence": claim.sentence,
        "source": claim.source,
        "variants": variants,
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
