"""What capture costs: time against the plain forward pass, bytes against the N×N maps, and peers.

Time is the CPU time of one thread, so that it holds on a busy machine too.

Contenders, taking turns in one run on the same network and input:
  plain            the forward pass alone, fused attention on
  plain again      the same once more: how much of a ratio is noise
  bare mode        a torch function mode that only passes calls on: what torch itself takes for one
  capture          `fovea.models.capture`, fused attention on
  AttentionExtract timm's own tool, which has to switch fused attention off (method "hook")
  explicit hooks   forward hooks on `attn_drop` with fused attention off, the usual recipe
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmarks.timing import table, take_turns
from fovea.models import networks
from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.records import Trace


@dataclass(frozen=True)
class Case:
    """A network to measure. Its weights are random, which affects neither time nor memory."""

    title: str
    build: Callable[[], nn.Module]
    input_px: int
    rounds: int
    attention: bool = True
    options: dict[str, Any] = field(default_factory=dict)


def _timm(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        declare_missing_operators()
        import timm

        module: nn.Module = timm.create_model(name)
        return module

    return build


CASES = (
    Case("ViT-Ti/16, 224 px", _timm("vit_tiny_patch16_224"), 224, rounds=60),
    Case("ViT-S/14, 518 px", _timm("vit_small_patch14_dinov2"), 518, rounds=9),
    Case(
        "SE-ResNet, 112 px",
        lambda: networks.build("gated_resnet", gate="se", classes=101),
        112,
        rounds=100,
        attention=False,
    ),
    Case("ResNet-18, 112 px, no sites", _timm("resnet18"), 112, rounds=60, attention=False),
)


class Bare(TorchFunctionMode):
    """A mode that only passes calls through."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def matrix_bytes(trace: Trace) -> int:
    """Bytes of every attention site's N×N maps in float32."""
    shapes = [site.attention.shape for site in trace.sites if site.attends]
    return sum(4 * batch * heads * queries * keys for batch, heads, queries, keys in shapes)


def _unfused(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]
    return module


def _kept_bytes(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def measure(case: Case) -> list[list[str]]:
    """The rows of the table for one case."""
    torch.manual_seed(0)
    module = case.build().eval()
    photo = torch.randn(1, 3, case.input_px, case.input_px)
    kept: dict[str, int] = {}

    def captured() -> None:
        with capture(module) as recording:
            module(photo)
        kept["capture"] = recording.trace.nbytes
        kept["N×N"] = matrix_bytes(recording.trace)

    def bare() -> None:
        with Bare():
            module(photo)

    contenders: dict[str, Callable[[], object]] = {
        "plain": lambda: module(photo),
        "plain again": lambda: module(photo),
        "bare mode": bare,
        "capture": captured,
    }
    if case.attention:
        from timm.utils import AttentionExtract

        extract = AttentionExtract(_unfused(case.build().eval()), method="hook")
        hooked = _unfused(case.build().eval())
        maps: list[Tensor] = []
        for name, part in hooked.named_modules():
            if name.endswith("attn_drop"):
                part.register_forward_hook(lambda _, __, output: maps.append(output))

        def extracted() -> None:
            kept["AttentionExtract"] = _kept_bytes(list(extract(photo).values()))

        def explicit() -> None:
            maps.clear()
            hooked(photo)
            kept["explicit hooks"] = _kept_bytes(maps)

        contenders |= {"AttentionExtract": extracted, "explicit hooks": explicit}
    with torch.inference_mode():
        turns = take_turns(list(contenders.values()), case.rounds, clock=time.thread_time)
        timings = dict(zip(contenders, turns, strict=True))
    plain = timings["plain"]
    return [
        [
            case.title,
            name,
            f"{timing.median_ms:.1f} ms",
            f"{timing.against(plain):.3f}",
            f"{kept[name] / 1e6:.2f} MB" if name in kept else "",
            f"{kept[name] / kept['N×N']:.3f}" if name in kept and kept["N×N"] else "",
        ]
        for name, timing in timings.items()
    ]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = [row for case in CASES for row in measure(case)]
    header = ("network", "contender", "median", "time / plain", "kept", "kept / N×N maps")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch 1, float32\n")
    print(table(header, rows))


if __name__ == "__main__":
    main()
