"""Three attention score functions on the same task: translating sentences."""

import time
from dataclasses import replace

import torch
from torch import nn

from fovea.models.mechanisms.scores import SCORES
from training.claims.claim import Claim
from training.loop.task import Task
from training.recipes import text_transformer
from training.recipes.recipe import Recipe
from training.tasks.sentences import SentenceTask

TIMED_SENTENCES = 256
REPEATS = 5


def variant(scores: str) -> Recipe:
    """The bundled network's recipe with other scores, ended before all sentences are correct."""
    arguments = {**text_transformer.RECIPE.arguments, "scores": scores}
    return replace(
        text_transformer.RECIPE, arguments=arguments, epochs=1, warmup_epochs=0.25, ships=False
    )


@torch.inference_mode()
def forward_ms(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """The fastest of several passes over TIMED_SENTENCES unseen sentences, in milliseconds.

    The minimum, since other load on the machine can only slow a pass down.
    """
    if not isinstance(task, SentenceTask):
        raise TypeError(f"sentences are timed, not {type(task).__name__}")
    network, batch, taken = network.eval(), task.val[:TIMED_SENTENCES], []
    for _ in range(REPEATS):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        network(batch.english, batch.french)
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(1000 * (time.perf_counter() - began))
    return {f"forward_{TIMED_SENTENCES}_sentences_ms": min(taken)}


CLAIM = Claim(
    id="scores",
    sentence="Attention learns with dot-product, cosine and additive scores alike; the dot product "
    "is the fastest.",
    source="Vaswani et al. 2017, section 3.2.1; Bahdanau et al. 2015; Graves et al. 2014",
    variants={name: variant(name) for name in SCORES},
    measure=forward_ms,
)
