"""The results of a claim's trainings: one file for each training, collected into one for
the claim.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from training.claims.claim import SEEDS, Claim
from training.recipes.recipe import Recipe

RUNS = Path("runs/claims")
DOCS = Path("docs/claims")


@dataclass(frozen=True)
class Outcome:
    """One training: its scores on held-out examples, parameters, and the duration of the last
    epoch.
    """

    variant: str
    seed: int
    scores: dict[str, float]
    parameters: int
    seconds_per_epoch: float
    device: str


def state_folder(recipe: Recipe) -> Path:
    """The state folder of a recipe's training: the same for all claims that use it."""
    told = ("id", "title", "summary", "mechanisms", "citation", "ships")
    decisive = {name: value for name, value in vars(recipe).items() if name not in told}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True, default=dict).encode())
    return RUNS / "states" / digest.hexdigest()[:16]


def outcome_file(claim: Claim, variant: str, seed: int) -> Path:
    """The file with the outcome of a training."""
    return RUNS / claim.id / f"{variant}-{seed}.json"


def write_outcome(claim: Claim, outcome: Outcome) -> None:
    """Atomic, as a training may be interrupted at any time."""
    path = outcome_file(claim, outcome.variant, outcome.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def published(claim: Claim) -> list[Outcome]:
    """The trainings in docs/claims/<claim>.json, including those of other machines."""
    path = DOCS / f"{claim.id}.json"
    if not path.is_file():
        return []
    return [
        Outcome(
            variant=variant,
            seed=seed,
            scores={
                name: score["values"][number]
                for name, score in told["scores"].items()
                if number < len(score["values"])
            },
            parameters=told["parameters"],
            seconds_per_epoch=told["seconds_per_epoch"],
            device=told["device"],
        )
        for variant, told in json.loads(path.read_text(encoding="utf-8"))["variants"].items()
        for number, seed in enumerate(told["seeds"])
    ]


def read_outcomes(claim: Claim) -> list[Outcome]:
    """The existing outcomes, local or published, in the claim's order."""
    known = {(outcome.variant, outcome.seed): outcome for outcome in published(claim)}
    for variant in claim.variants:
        for seed in SEEDS:
            file = outcome_file(claim, variant, seed)
            if file.is_file():
                content = json.loads(file.read_text(encoding="utf-8"))
                known[variant, seed] = Outcome(**content)
    order = [(variant, seed) for variant in claim.variants for seed in SEEDS]
    return [known[key] for key in order if key in known]


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds of one variant's scores.

    Sample standard deviation (n - 1), None for a single seed. Times are those of the first
    outcome's device only.
    """
    device = outcomes[0].device
    alike = [outcome for outcome in outcomes if outcome.device == device]
    figures = {
        name: [outcome.scores[name] for outcome in (alike if name.endswith("_ms") else outcomes)]
        for name in outcomes[0].scores
    }
    return {
        "seeds": [outcome.seed for outcome in outcomes],
        "parameters": outcomes[0].parameters,
        "seconds_per_epoch": mean(outcome.seconds_per_epoch for outcome in alike),
        "device": device,
        "scores": {
            name: {
                "values": values,
                "mean": mean(values),
                "deviation": stdev(values) if len(values) > 1 else None,
            }
            for name, values in figures.items()
        },
    }


def write_figures(name: str, figures: dict[str, float]) -> Path:
    """Writes docs/claims/<name>.json: figures of a bundled network."""
    path = DOCS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {figure: round(value, 4) for figure, value in figures.items()}
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    return path


def collect(claim: Claim) -> Path:
    """Writes docs/claims/<claim>.json from the completed trainings."""
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
