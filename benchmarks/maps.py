"""Every map at 518 px: Fovea's, a layer and a block at a time, against the matrix forms.

From the photo to the map, the passes included. Memory: peak resident memory above the network and
the photo, each contender in a process of its own. Time: pairs take turns in one process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks import matrix_forms
from benchmarks.matrix_forms import Hooked
from benchmarks.memory import Asked, peak
from benchmarks.timing import table, take_turns
from models import explain
from models.layout import Layouts, survey
from models.torchvision_operators import declare_missing_operators

NETWORK, PX, TARGET = "vit_small_patch14_dinov2", 518, 3
ROUNDS = 3

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
    """ViT-S/14 with 1,000 classes, weights at random: they change neither time nor bytes."""
    declare_missing_operators()
    import timm

    torch.manual_seed(0)
    module: nn.Module = timm.create_model(NETWORK, num_classes=1000, img_size=px)
    return module.eval().requires_grad_(False)


def contender(asked: Asked) -> Callable[[], object]:
    """`fovea MAP` or `matrices MAP`, ready to run."""
    side, _, name = asked.name.partition(" ")
    module, photo = network(asked.px), torch.randn(asked.batch, 3, asked.px, asked.px)
    if side == "fovea":
        # Worked out once a network, when it is loaded.
        layouts = survey(module, torch.zeros(1, 3, asked.px, asked.px))
        return lambda: OURS[name](module, photo, layouts)
    hooked = Hooked(module)
    return lambda: THEIRS[name](hooked, photo)


def main() -> None:
    """Print the table."""
    rows = []
    for name in OURS:
        names = (f"fovea {name}", f"matrices {name}")
        ours, theirs = take_turns([contender(Asked(one, PX)) for one in names], ROUNDS)
        memory, matrices = (peak("benchmarks.maps", Asked(one, PX)) for one in names)
        rows.append(
            [
                name,
                f"{ours.median_ms / 1000:.2f} s",
                f"{theirs.median_ms / 1000:.2f} s",
                f"{ours.against(theirs):.2f}",
                f"{memory / 1e6:.0f} MB",
                f"{matrices / 1e6:.0f} MB",
                f"{memory / matrices:.3f}",
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    header = ("map", "Fovea", "matrices", "time ratio", "Fovea", "matrices", "memory ratio")
    print(f"\nViT-S/14 at {PX} px, {torch.get_num_threads()} threads, {ROUNDS} rounds\n")
    print(table(header, rows))


if __name__ == "__main__":
    main()
