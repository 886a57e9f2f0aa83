"""Every map: Fovea's block-wise computation against full matrices, at 518 px or another size.

From the photo to the map, passes included. Memory: peak resident memory above the network and the
photo, each contender in its own process. Time: single-thread CPU time, alternating in one process,
so that it is valid on a busy machine too.

`python -m benchmarks.maps` measures all, `python -m benchmarks.maps relevance LeGrad` these, and
`python -m benchmarks.maps --px 224 relevance` at another size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks import matrix_forms
from benchmarks.matrix_forms import Hooked
from benchmarks.memory import SMALL_PX, Setup, peak
from benchmarks.timing import table, take_turns
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.methods.making import for_class as explain
from fovea.models.places.layout import Layouts, survey

NETWORK, PX, TARGET = "vit_small_patch14_dinov2", 518, 3
ROUNDS = 2

Fovea = Callable[[nn.Module, Tensor, Layouts], object]


def _of_class(make: Callable[[nn.Module, Tensor, int, Layouts], object]) -> Fovea:
    return lambda module, photo, layouts: make(module, photo, TARGET, layouts)


OURS: dict[str, Fovea] = {
    "rollout": lambda module, photo, layouts: explain.rollout(module, photo, layouts=layouts),
    "rollout, discard 0.9": lambda module, photo, layouts: explain.rollout(
        module, photo, discard=0.9, layouts=layouts
    ),
    "gradient rollout": _of_class(explain.gradient_rollout),
    "relevance": _of_class(explain.relevance),
    "attention-Grad-CAM": _of_class(explain.attention_grad_cam),
    "LeGrad": _of_class(explain.legrad),
    "head importance": lambda module, photo, layouts: explain.head_importance(
        module, photo, [TARGET], layouts
    ),
}

THEIRS: dict[str, Callable[[Hooked, Tensor], Tensor]] = {
    "rollout": matrix_forms.rollout,
    "rollout, discard 0.9": matrix_forms.vit_explain,
    "gradient rollout": lambda n, x: matrix_forms.gradient_rollout(n, x, TARGET),
    "relevance": lambda n, x: matrix_forms.relevance(n, x, TARGET),
    "attention-Grad-CAM": lambda n, x: matrix_forms.attention_grad_cam(n, x, TARGET),
    "LeGrad": lambda n, x: matrix_forms.legrad(n, x, TARGET),
    "head importance": lambda n, x: matrix_forms.head_importance(n, x, TARGET),
}


def network(px: int) -> nn.Module:
    """ViT-S/14 with 1,000 classes and random weights, which affect neither time nor memory."""
    declare_missing_operators()
    import timm

    torch.manual_seed(0)
    module: nn.Module = timm.create_model(NETWORK, num_classes=1000, img_size=px)
    return module.eval().requires_grad_(False)


def contender(asked: Setup) -> Callable[[], object]:
    """`fovea MAP` or `matrices MAP`, ready to run."""
    side, _, name = asked.name.partition(" ")
    module, photo = network(asked.px), torch.randn(asked.batch, 3, asked.px, asked.px)
    if side == "fovea":
        # Computed once for each network, when it is loaded.
        layouts = survey(module, torch.zeros(1, 3, asked.px, asked.px))
        return lambda: OURS[name](module, photo, layouts)
    hooked = Hooked(module)
    return lambda: THEIRS[name](hooked, photo)


def main(given: Sequence[str] = ()) -> None:
    """Print the table."""
    chosen, px, rows = list(given), PX, []
    if "--px" in chosen:
        at = chosen.index("--px")
        px = int(chosen.pop(at + 1))
        chosen.pop(at)
    rounds = ROUNDS if px > 400 else 7 * ROUNDS
    torch.set_num_threads(1)
    for name in chosen or OURS:
        names = (f"fovea {name}", f"matrices {name}")
        for one in names:  # loads code and libraries
            contender(Setup(one, SMALL_PX))()
        pair = [contender(Setup(one, px)) for one in names]
        ours, theirs = take_turns(pair, rounds, warm_up=px <= 400, clock=time.process_time)
        memory, matrices = (peak("benchmarks.maps", Setup(one, px)) for one in names)
        rows.append(
            [
                name,
                f"{ours.median_ms / 1000:.3f} s",
                f"{theirs.median_ms / 1000:.3f} s",
                f"{ours.against(theirs):.2f}",
                f"{memory / 1e6:.0f} MB",
                f"{matrices / 1e6:.0f} MB",
                f"{memory / matrices:.3f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    header = ("map", "Fovea", "matrices", "time ratio", "Fovea", "matrices", "memory ratio")
    print(f"\nViT-S/14 at {px} px, one thread, {rounds} rounds\n")
    print(table(header, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
