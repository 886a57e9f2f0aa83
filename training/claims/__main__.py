"""python -m training.claims <claim>: train its variants with three seeds and gather the results.

A training that was done, here or as docs/claims/ tells, is not done again; one that was interrupted
goes on.
"""

import argparse
from dataclasses import replace

import torch

from training.claims import CLAIMS, claim_for
from training.claims.claim import SEEDS, Claim
from training.claims.results import Outcome, collect, read_outcomes, state_folder, write_outcome
from training.data import data_folder
from training.export import trained_network
from training.loop import fit, told
from training.tasks import open_task


def train(claim: Claim, variant: str, seed: int, data: str | None, device: torch.device) -> None:
    """One training and what comes of it."""
    done = {(outcome.variant, outcome.seed) for outcome in read_outcomes(claim)}
    if (variant, seed) in done:
        return
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


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims", description=__doc__)
    parser.add_argument("claim", choices=list(CLAIMS))
    parser.add_argument("--only", help="one variant")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="one seed")
    parser.add_argument("--collect", action="store_true", help="gather what is done, train nothing")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    claim = claim_for(options.claim)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    if not options.collect:
        for variant in [options.only] if options.only else claim.variants:
            for seed in SEEDS if options.seed is None else [options.seed]:
                train(claim, variant, seed, options.data, device)
    print(collect(claim))


if __name__ == "__main__":
    main()
