"""The catalogue: the networks that ship with the project, the files in the weights folder, and
all of timm.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import nn

from models import networks, timm_zoo, weights
from models.preprocessing import Preprocessing, blank
from models.spec import LoadedModel, ModelSpec
from models.tasks import survey

CHECKPOINTS = Path(__file__).parent / "checkpoints"

ORDER = (
    "vit",
    "tnt",
    "se_resnet",
    "eca_resnet",
    "cbam_resnet",
    "cbam_resnet_spatial_first",
    "cbam_resnet_parallel",
    "sa_resnet",
    "sa_unet",
    "stn_digits",
    "stn_signs",
    "captioner",
    "text_transformer",
)
"""The bundled networks as people meet the mechanisms."""


class UnknownModel(LookupError):
    """A model id that is nowhere in the catalogue. `known` lists the closest ones that are."""

    def __init__(self, model: str, known: tuple[str, ...]) -> None:
        self.model, self.known = model, known
        super().__init__(f"unknown model {model!r}; try one of: {', '.join(known)}")


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
        licence=card["licence"],
        citation=card["citation"],
        sha256=card["sha256"],
        network=(card["network"]["name"], card["network"]["arguments"]),
        card={key: card[key] for key in ("data", "recipe", "command", "seed", "date")},
    )


@cache
def bundled() -> dict[str, ModelSpec]:
    """The networks that ship with the project, by id, in the order that people meet the
    mechanisms.
    """
    specs = [spec_from_card(path) for path in sorted(CHECKPOINTS.glob("*.json"))]
    place = {model: index for index, model in enumerate(ORDER)}
    specs.sort(key=lambda spec: (place.get(spec.id, len(place)), spec.id))
    return {spec.id: spec for spec in specs}


class Catalog:
    """What can be analysed on this machine.

    weights_dir: a folder of <model id>.safetensors that comes before the hub. cache_dir: where
    downloads are kept (the hub library's own folder if None). offline: never ask the hub.
    """

    def __init__(
        self,
        weights_dir: Path | None = None,
        cache_dir: Path | None = None,
        *,
        offline: bool = False,
    ) -> None:
        self.weights_dir, self.cache_dir, self.offline = weights_dir, cache_dir, offline

    def _file(self, model: str) -> Path | None:
        """The file of the weights folder for this id. Ids with path separators name no file."""
        if self.weights_dir is None or Path(model).name != model:
            return None
        path = self.weights_dir / f"{model}.safetensors"
        return path if path.is_file() else None

    def listed(self) -> list[ModelSpec]:
        """The weights folder's models first, then the bundled ones: all that run without a
        download.
        """
        files = sorted(self.weights_dir.glob("*.safetensors")) if self.weights_dir else []
        local = [self.spec(file.stem) for file in files if timm_zoo.exists(file.stem)]
        return [*local, *bundled().values()]

    def search(self, text: str, limit: int = 50) -> list[ModelSpec]:
        """Listed models and timm names that contain every word of `text`."""
        words = text.lower().split()
        found = [
            spec
            for spec in self.listed()
            if all(word in f"{spec.id} {spec.title} {spec.summary}".lower() for word in words)
        ]
        seen = {spec.id for spec in found}
        for name in timm_zoo.search(text):
            if len(found) >= limit:
                break
            if name not in seen:
                found.append(self.spec(name))
        return found[:limit]

    def spec(self, model: str) -> ModelSpec:
        """The row of a model id; raises UnknownModel, which lists close ones."""
        if model in bundled():
            return bundled()[model]
        if not timm_zoo.exists(model):
            close = difflib.get_close_matches(model, timm_zoo.names(), n=5, cutoff=0.7)
            raise UnknownModel(model, (*bundled(), *close))
        spec = timm_zoo.spec(model)
        file = self._file(spec.id)
        if file is None:
            return spec
        return replace(spec, source="local", size_bytes=file.stat().st_size)

    def local(self, model: str) -> bool:
        """Whether the weights are on this machine."""
        spec = self.spec(model)
        if spec.source in ("bundled", "local"):
            return True
        return (
            spec.repository is not None
            and weights.cached(spec.repository, self.cache_dir) is not None
        )

    def _weights(self, spec: ModelSpec, progress: weights.Progress | None) -> Path:
        file = self._file(spec.id)
        if file is not None:
            return file
        if spec.repository is None:
            raise weights.ModelNotLocal(
                f"no hub has weights for {spec.id}",
                f"Put {spec.id}.safetensors into the folder that FOVEA_WEIGHTS_DIR names.",
            )
        return weights.fetch(
            spec.repository, self.cache_dir, offline=self.offline, progress=progress
        )

    def load(
        self,
        model: str,
        device: torch.device | str = "cpu",
        progress: weights.Progress | None = None,
    ) -> LoadedModel:
        """The network with its weights, in eval mode on `device`.

        progress: called with (bytes received, bytes in total or None) while downloading.
        Raises UnknownModel, weights.ModelNotLocal or weights.CorruptWeights.
        """
        spec = self.spec(model)
        if spec.network is not None:
            module, checksum = _load_bundled(spec)
        else:
            file = self._weights(spec, progress)
            tensors, checksum = weights.read(file)
            try:
                module = timm_zoo.build(spec, tensors)
            except RuntimeError as error:
                raise weights.CorruptWeights(
                    f"{file.name} does not fit {spec.id}: {error}",
                    "Supply the weights of exactly this architecture under timm's key names.",
                ) from error
            spec = replace(spec, size_bytes=file.stat().st_size)
        spec = replace(
            spec, sha256=checksum, parameters=sum(p.numel() for p in module.parameters())
        )
        module = module.eval().requires_grad_(False)
        layouts = survey(module, spec.task, blank(spec.preprocessing))
        return LoadedModel(spec, module.to(device), checksum[:12], layouts)


def _load_bundled(spec: ModelSpec) -> tuple[nn.Module, str]:
    assert spec.network is not None
    file = CHECKPOINTS / f"{spec.id}.safetensors"
    tensors, checksum = weights.read(file, spec.sha256)
    module = networks.build(spec.network[0], **spec.network[1])
    # Shipped in half precision, run in single: exact on every device.
    weights.fill(
        module,
        {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()},
        file.name,
    )
    return module, checksum
