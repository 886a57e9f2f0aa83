"""A catalogue of three small networks with random weights: one that writes captions, one that
translates, one that segments.
"""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import nn

from fovea.models import networks
from fovea.models.catalog.catalog import Catalog, UnknownModel
from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.preprocessing import Preprocessing, blank
from fovea.models.running import tasks

SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
NOUNS = ("a", "dog", "runs", "on", "the", "beach", "small", "red", "ball", "with")
ENGLISH = ("the", "cat", "sees", "a", "red", "bird", "le", "chat", "voit", "un", "oiseau", "rouge")
PICTURE = Preprocessing(64, (64, 64), "bilinear", (0.5,) * 3, (0.25,) * 3)

_BUILDING = Lock()
_BUILT: dict[str, nn.Module] = {}

CAPTIONER, TRANSLATOR, WALLS = "captioner_test", "translator_test", "walls_test"

ROWS: dict[str, dict[str, Any]] = {
    CAPTIONER: {
        "task": "captioning",
        "preprocessing": PICTURE,
        "labels": SPECIAL + NOUNS,
        "network": (
            "captioner",
            {
                "words": len(SPECIAL + NOUNS),
                "image_size": 64,
                "dim": 24,
                "depth": 2,
                "heads": 2,
                "word_dim": 16,
                "word_heads": 2,
            },
        ),
    },
    TRANSLATOR: {
        "task": "sequence",
        "preprocessing": None,
        "labels": SPECIAL + ENGLISH,
        "network": ("text_transformer", {"words": len(SPECIAL + ENGLISH), "dim": 16, "heads": 2}),
        "card": {"longest": 8},
    },
    WALLS: {
        "task": "segmentation",
        "preprocessing": PICTURE,
        "labels": ("other", "wall"),
        "network": ("unet", {}),
    },
}


class Writers(Catalog):
    """These three beside what the catalogue has."""

    def __init__(self, weights_dir: Path | None = None) -> None:
        super().__init__(weights_dir, offline=True)

    def listed(self) -> list[ModelSpec]:
        return [*super().listed(), *map(self.spec, ROWS)]

    def spec(self, model: str) -> ModelSpec:
        if model not in ROWS:
            try:
                return super().spec(model)
            except UnknownModel as error:
                raise UnknownModel(model, (*ROWS, *error.known)) from error
        return ModelSpec(
            id=model,
            title=model,
            summary="Random weights.",
            mechanisms=("attention",),
            source="local",
            **ROWS[model],
        )

    def load(
        self,
        model: str,
        device: torch.device | str = "cpu",
        progress: Callable[..., None] | None = None,
    ) -> LoadedModel:
        if model not in ROWS:
            return super().load(model, device, progress)
        spec = self.spec(model)
        module = build(spec)
        layouts = tasks.survey(module, spec.task, blank(spec.preprocessing))
        return LoadedModel(spec, module.to(device), "0" * 12, layouts)


def build(spec: ModelSpec) -> nn.Module:
    """The network of a row, the same every time: made once, as threads share torch's seed."""
    with _BUILDING:
        if spec.id not in _BUILT:
            _BUILT[spec.id] = _build(spec)
    return deepcopy(_BUILT[spec.id])


def _build(spec: ModelSpec) -> nn.Module:
    assert spec.network is not None
    torch.manual_seed(7)
    module = networks.build(spec.network[0], **spec.network[1]).eval().requires_grad_(False)
    if spec.id == WALLS:  # a bias with which both classes are seen
        other, wall = module(torch.randn(1, 3, 64, 64))[0]
        module.head.bias[1] -= (wall - other).median()  # type: ignore[index,union-attr,operator]
    return module
