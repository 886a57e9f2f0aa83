"""python -m training.claims CLAIM: train its variants with three seeds and collect the results.

Trainings that were completed, here or in docs/claims/, are skipped; interrupted ones continue.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from training.claims import CLAIMS, claim_for
from training.claims.claim import SEEDS, Claim
from training.claims.results import Outcome, collect, read_outcomes, state_folder, write_outcome
from training.examples.data import data_folder
from training.loop.export import trained_network
from training.loop.loop import fit, told
from training.tasks.tasks import open_task


class Training(NamedTuple):
    """One variant of a claim with one seed."""

    claim: str
    variant: str
    seed: int


def train(claim: Claim, variant: str, seed: int, data: str | None, device: torch.device) -> None:
    """Runs one training and records its outcome."""
    recipe = replace(
        claim.variants[variant], id=f"{claim.id}/{variant}/{seed}", seed=seed, ships=False
    )
    task = open_task(recipe, data_folder(data), device)
    result = fit(recipe, task, state_folder(recipe), device)
    network = trained_network(recipe, result.state).to(device)
    outcome = Outcome(
        variant=variant,
        seed=seed,
        scores=result.scores,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        seconds_per_epoch=result.seconds,
        device=torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
    )
    if claim.measure is not None:
        measured = claim.measure(network, task, device)
        outcome = replace(outcome, scores=outcome.scores | measured)
    write_outcome(claim, outcome)
    print(f"{recipe.id}: {told(outcome.scores)}", flush=True)


def missing(claims: Iterable[Claim], only: str | None, seed: int | None) -> list[Training]:
    """The remaining trainings, the first seed of every variant first."""
    seeds = SEEDS if seed is None else (seed,)
    found = []
    for claim in claims:
        done = {(outcome.variant, outcome.seed) for outcome in read_outcomes(claim)}
        found += [
            Training(claim.id, variant, own)
            for own in seeds
            for variant in ([only] if only else claim.variants)
            if (variant, own) not in done
        ]
    return sorted(found, key=lambda training: training.seed)


def side_by_side(trainings: Sequence[Training], jobs: int, rest: Sequence[str]) -> list[Training]:
    """Runs this many trainings in parallel, each in its own process; returns those that failed.

    If claims share a training they run it in sequence: the second finds it done.
    """
    by_state: dict[Path, list[Training]] = {}
    for training in trainings:
        recipe = replace(claim_for(training.claim).variants[training.variant], seed=training.seed)
        by_state.setdefault(state_folder(recipe), []).append(training)

    def failures(alike: Sequence[Training]) -> list[Training]:
        return [one for one in alike if subprocess.run(command_of(one, rest)).returncode]

    with ThreadPoolExecutor(jobs) as pool:
        return [one for failed in pool.map(failures, by_state.values()) for one in failed]


def command_of(training: Training, rest: Sequence[str]) -> list[str]:
    """The command line of one training."""
    one = ["--only", training.variant, "--seed", str(training.seed)]
    return [sys.executable, "-m", "training.claims", training.claim, *one, *rest]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims", description=__doc__)
    parser.add_argument("claim", choices=[*CLAIMS, "all"])
    parser.add_argument("--only", help="one variant of the claim")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="one seed")
    parser.add_argument("--collect", action="store_true", help="gather what is done, train nothing")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, for a GPU")
    options = parser.parse_args()
    if options.claim == "all" and options.only:
        parser.error("--only names a variant of one claim")
    torch.set_num_threads(options.threads)
    claims = list(CLAIMS.values()) if options.claim == "all" else [claim_for(options.claim)]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    trainings = [] if options.collect else missing(claims, options.only, options.seed)
    failed: list[Training] = []
    if options.jobs > 1:
        rest = ["--threads", str(options.threads)]
        rest += ["--data", options.data] if options.data else []
        failed = side_by_side(trainings, options.jobs, rest)
    else:
        for training in trainings:
            train(claim_for(training.claim), training.variant, training.seed, options.data, device)
    for claim in claims:
        if read_outcomes(claim):
            print(collect(claim))
    if failed:
        sys.exit(f"failed: {', '.join(f'{one.claim} {one.variant} {one.seed}' for one in failed)}")


if __name__ == "__main__":
    main()
