"""SE, ECA and CBAM against no gate, and the three arrangements of CBAM."""

import time

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from training.claims.claim import Claim
from training.claims.small import residual
from training.loop.task import Task
from training.tasks.cifar import SIDE_PX

GATES = ("none", "se", "eca", "cbam", "cbam_spatial_first", "cbam_parallel")
"""The variants that the claim is about."""

TIMED_BATCH = 256
REPEATS = 20


def multiply_adds(network: nn.Module, device: torch.device) -> float:
    """Millions of multiply-adds for a photo, in convolutions and matrix products."""
    photo = torch.zeros(1, 3, SIDE_PX, SIDE_PX, device=device)
    # The counter sees the products inside attention only if the plain kernel runs.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network.eval()(photo)
    return float(counter.get_total_flops()) / 2e6


@torch.inference_mode()
def forward_ms(network: nn.Module, device: torch.device) -> float:
    """The fastest of several forward passes over TIMED_BATCH photos, in milliseconds.

    The minimum, since other load on the machine can only slow a pass down.
    """
    photos = torch.zeros(TIMED_BATCH, 3, SIDE_PX, SIDE_PX, device=device)
    network = network.eval()
    taken = []
    for _ in range(REPEATS if device.type == "cuda" else 3):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        network(photos)
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(1000 * (time.perf_counter() - began))
    return min(taken)


def cost(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """The cost of a forward pass."""
    return {
        "multiply_adds_million": multiply_adds(network, device),
        f"forward_{TIMED_BATCH}_photos_ms": forward_ms(network, device),
    }


def gate_parameters(network: nn.Module) -> int:
    """The number of the gates' parameters."""
    return sum(p.numel() for name, p in network.named_parameters() if ".gate." in name)


def cost_of_gates(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """The cost of a forward pass, and the gates' share of the parameters."""
    return {"gate_parameters": float(gate_parameters(network))} | cost(network, task, device)


CLAIM = Claim(
    id="gates",
    sentence="SE, ECA and CBAM lower the error of a ResNet; ECA does what SE does with a fraction "
    "of its parameters; CBAM's gates are better in sequence than in parallel, and slightly better "
    "with the channels first.",
    source="Hu et al. 2018; Wang et al. 2020; Woo et al. 2018, table 3",
    variants={gate: residual(gate) for gate in GATES},
    measure=cost_of_gates,
)
