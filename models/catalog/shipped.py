"""The bundled networks: a card for each, with its weights beside it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from torch import nn

from fovea.models import networks
from fovea.models.catalog.spec import MeasuredApart, ModelSpec
from fovea.models.catalog.weights import weights
from fovea.models.preprocessing import Preprocessing

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"

ORDER = (
    "vit",
    "tnt",
    "se_resnet",
    "eca_resnet",
    "cbam_resnet",
    "cbam_resnet_spatial_first",
    "cbam_resnet_parallel",
    "coord_resnet",
    "sa_resnet",
    "sa_unet",
    "stn_digits",
    "stn_signs",
    "captioner",
    "text_transformer",
)
"""The bundled networks in teaching order."""


def spec_from_card(path: Path) -> ModelSpec:
    """The ModelSpec that a card describes; its weights lie beside it as <id>.safetensors."""
    card = json.loads(path.read_text(encoding="utf-8"))
    return ModelSpec(
        id=card["id"],
        title=card["title"],
        summary=card["summary"],
        mechanisms=tuple(card["mechanisms"]),
        task=card["task"],
        source="bundled",
        preprocessing=card["preprocessing"] and Preprocessing.from_card(card["preprocessing"]),
        labels=tuple(card["labels"]),
        parameters=card["parameters"],
        size_bytes=path.with_suffix(".safetensors").stat().st_size,
        metrics=card["metrics"],
        apart=MeasuredApart(**card["measured_apart"]) if "measured_apart" in card else None,
        licence=card["licence"],
        citation=card["citation"],
        sha256=card["sha256"],
        network=(card["network"]["name"], card["network"]["arguments"]),
        card={key: card[key] for key in TOLD if key in card},
    )


TOLD = ("data", "recipe", "command", "seed", "date", "source_words")
"""Card fields beyond those of every ModelSpec. source_words: number of leading labels that are
words of a translator's source language.
"""


@cache
def bundled() -> dict[str, ModelSpec]:
    """The bundled networks by id, in teaching order."""
    specs = [spec_from_card(path) for path in sorted(CHECKPOINTS.glob("*.json"))]
    place = {model: index for index, model in enumerate(ORDER)}
    specs.sort(key=lambda spec: (place.get(spec.id, len(place)), spec.id))
    return {spec.id: spec for spec in specs}


def load(spec: ModelSpec) -> tuple[nn.Module, str]:
    """(network, checksum) of a row of `bundled`; raises weights.CorruptWeights."""
    assert spec.network is not None
    file = CHECKPOINTS / f"{spec.id}.safetensors"
    tensors, checksum = weights.read(file, spec.sha256)
    module = networks.build(spec.network[0], **spec.network[1])
    # Stored in half precision, run in single: exact on every device.
    weights.fill(
        module,
        {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()},
        file.name,
    )
    return module, checksum
