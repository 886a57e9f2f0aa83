"""The training loop: optimise, average, score, keep the best, and resume after an interruption."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.networks import build
from training.examples.precision import mixed
from training.loop.task import Task
from training.recipes.recipe import Recipe

State = dict[str, Tensor]


@dataclass(frozen=True)
class Result:
    """The averaged weights of the kept epoch and their scores on the held-out examples.

    seconds: duration of the last epoch.
    """

    state: State
    scores: dict[str, float]
    epoch: int
    seconds: float = 0.0

    @property
    def score(self) -> float:
        """The first of the scores, which selects the best epoch; -1 before there is one."""
        return next(iter(self.scores.values()), -1.0)


def learning_rate(step: int, steps: int, warmup: int, peak: float) -> float:
    """Linear warm-up for `warmup` steps, then half a cosine down to zero at the last step."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


def parameter_groups(
    network: nn.Module, companions: nn.Module, recipe: Recipe
) -> list[dict[str, Any]]:
    """Weight decay applies to matrices, not to vectors and scalars (biases, norms, γ); some parts
    have their own learning rate.

    Frozen parameters are in none of the groups.
    """
    decay: list[Tensor] = list(companions.parameters())
    plain: list[Tensor] = []
    paced: list[Tensor] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if set(name.split(".")) & set(recipe.paced):
            paced.append(parameter)
        else:
            (decay if parameter.ndim >= 2 else plain).append(parameter)
    return [
        {"params": decay, "weight_decay": recipe.weight_decay, "pace": 1.0},
        {"params": plain, "weight_decay": 0.0, "pace": 1.0},
        {"params": paced, "weight_decay": 0.0, "pace": recipe.pace},
    ]


def freeze(network: nn.Module, parts: tuple[str, ...]) -> None:
    """Freezes the named parts: no gradients and no batch statistics."""
    for name, module in network.named_modules():
        if name.rpartition(".")[2] in parts:
            module.eval().requires_grad_(False)


@torch.no_grad()
def update_average(average: State, network: nn.Module, decay: float) -> None:
    """In place: average ← decay · average + (1 - decay) · weights.

    Counters are copied, and so are the unit vectors of spectral norm's power iteration: an average
    of unit vectors is shorter than one, which would make the norm too small.
    """
    state = network.state_dict()
    floats = [
        name
        for name, value in state.items()
        if value.is_floating_point() and not name.endswith(("._u", "._v"))
    ]
    torch._foreach_lerp_(
        [average[name] for name in floats], [state[name] for name in floats], 1 - decay
    )
    for name in state.keys() - set(floats):
        average[name].copy_(state[name])


def copy_of(state: State) -> State:
    """A copy of the state."""
    return {name: value.detach().clone() for name, value in state.items()}


def shared_weights(network: nn.Module, start: State) -> State:
    """The initial weights whose name and shape occur in the network.

    Or in a part of it: `encoder.trunk.stem.0.weight` is taken from `stem.0.weight`.
    """
    found = {}
    for name, own in network.state_dict().items():
        parts = name.split(".")
        endings = (".".join(parts[first:]) for first in range(len(parts)))
        alike = next((ending for ending in endings if ending in start), None)
        if alike is not None and start[alike].shape == own.shape:
            found[name] = start[alike]
    return found


def told(scores: dict[str, float]) -> str:
    """The scores as a line of text."""
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


def save(state: dict[str, Any], path: Path) -> None:
    """Atomic: an interruption while writing leaves the former file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def fit(
    recipe: Recipe,
    task: Task,
    run: Path,
    device: torch.device,
    start: State | None = None,
    stop_after: int | None = None,
) -> Result:
    """Trains by the recipe, resuming from run/last.pt if it exists.

    start: initial weights, where names and shapes match; random elsewhere. stop_after: stop after
    this many epochs of the schedule, as an interruption would.
    """
    torch.manual_seed(recipe.seed)
    arguments = {**recipe.arguments, **recipe.training_arguments}
    network = build(recipe.network, **arguments)
    companions = task.companions(network)
    if start is not None:
        network.load_state_dict(shared_weights(network, start), strict=False)
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    companions = companions.to(device)
    freeze(network, recipe.frozen)
    groups = [group for group in parameter_groups(network, companions, recipe) if group["params"]]
    paces = [group.pop("pace") for group in groups]
    optimiser = torch.optim.AdamW(groups, fused=device.type == "cuda")
    average = copy_of(network.state_dict())
    best = Result(copy_of(average), {}, epoch=-1)
    first, last = 0, run / "last.pt"
    if last.is_file():
        kept = torch.load(last, map_location=device)
        network.load_state_dict(kept["network"])
        companions.load_state_dict(kept["companions"])
        optimiser.load_state_dict(kept["optimiser"])
        average, first = kept["average"], kept["epoch"] + 1
        best = Result(**kept["best"])
        print(f"{recipe.id}: resumed after epoch {first} of {recipe.epochs}", flush=True)

    # A second copy holds the averaged weights for scoring.
    scored = build(recipe.network, **arguments).to(device)
    examples = len(task)
    steps_per_epoch = math.ceil(examples / recipe.batch)
    steps = recipe.epochs * steps_per_epoch
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    for epoch in range(first, min(recipe.epochs, stop_after or recipe.epochs)):
        began, total = time.monotonic(), torch.zeros((), device=device)
        network.train()
        freeze(network, recipe.frozen)
        # Dropout uses this seed, so that a repeated epoch is identical.
        torch.manual_seed(recipe.seed * 100_003 + epoch)
        for number, batch in enumerate(task.batches(epoch)):
            step = epoch * steps_per_epoch + number
            rate = learning_rate(step, steps, warmup, recipe.learning_rate)
            for group, pace in zip(optimiser.param_groups, paces, strict=True):
                group["lr"] = rate * pace
            with mixed(device, recipe.low_precision):
                loss = task.loss(network, companions, batch)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            # Early on the average decays faster, so that it forgets the random weights.
            update_average(average, network, min(recipe.average, (1 + step) / (10 + step)))
            total += loss.detach()
        scored.load_state_dict(average)
        scores = task.score(scored, device, recipe.low_precision)
        seconds = time.monotonic() - began
        print(
            f"{recipe.id}: epoch {epoch + 1} of {recipe.epochs} · "
            f"loss {total.item() / steps_per_epoch:.3f} · {told(scores)} · "
            f"{seconds:.1f} s · {examples / seconds:.0f} examples/s",
            flush=True,
        )
        reached = Result(copy_of(average), scores, epoch, seconds)
        if recipe.keeps == "last" or reached.score >= best.score:
            best = reached
        save(
            {
                "network": network.state_dict(),
                "companions": companions.state_dict(),
                "optimiser": optimiser.state_dict(),
                "average": average,
                "epoch": epoch,
                "best": vars(best),
            },
            last,
        )
    return best
