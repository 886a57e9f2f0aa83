"""The catalogue: bundled networks, the model folder's, files in the weights folder, and all of
timm.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from fovea.models.catalog import builders, shipped, timm_zoo
from fovea.models.catalog.folder import folder
from fovea.models.catalog.shipped import bundled
from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.catalog.weights import hub, shards, weights
from fovea.models.catalog.weights.transfer import Progress
from fovea.models.networks.decoder import SPECIAL
from fovea.models.preprocessing import blank
from fovea.models.running.outputs import tensor_of
from fovea.models.running.tasks import survey, task_of

READABLE = "Let the server's user read it: chmod a+r."


class UnknownModel(LookupError):
    """A model id that is not in the catalogue. `known` lists the closest ones."""

    def __init__(self, model: str, known: tuple[str, ...]) -> None:
        self.model, self.known = model, known
        super().__init__(f"unknown model {model!r}; try one of: {', '.join(known)}")


class Catalog:
    """All networks that can be analysed on this machine.

    weights_dir: folder of <model id>.safetensors files, preferred over the hub. cache_dir: folder
    for downloads (None: the hub library's default). models_dir: folder of <model id>.toml files,
    see `fovea.models.catalog.folder.folder`. offline: never contact the hub.
    """

    def __init__(
        self,
        weights_dir: Path | None = None,
        cache_dir: Path | None = None,
        models_dir: Path | None = None,
        *,
        offline: bool = False,
    ) -> None:
        self.weights_dir, self.cache_dir, self.models_dir = weights_dir, cache_dir, models_dir
        self.offline = offline

    def listed(self) -> list[ModelSpec]:
        """Local and described models, in this order: ready without a download (weights folder,
        model folder, bundled), model folder entries on the hub, unusable ones; `reason` says why.
        """
        files = sorted(self.weights_dir.iterdir()) if self.weights_dir else []
        kinds = (".safetensors", *weights.PICKLES)
        names = dict.fromkeys(file.stem for file in files if file.suffix in kinds)
        here = [self.spec(name) for name in names if timm_zoo.exists(name)]
        here += [self.spec(entry.spec.id) for entry in self._described()]
        here += bundled().values()
        rows = {spec.id: spec for spec in here}.values()
        return sorted(rows, key=lambda spec: (spec.reason is not None, spec.source == "hub"))

    def search(self, text: str, limit: int = 50) -> list[ModelSpec]:
        """Listed models and timm names that contain every word of `text`; first those in which the
        words start a part of the name, as "swin" does in swin_tiny but not in abswin.
        """
        words = text.lower().split()
        found = [
            spec
            for spec in self.listed()
            if all(word in f"{spec.id} {spec.title} {spec.summary}".lower() for word in words)
        ]
        found.sort(key=lambda spec: _within(spec.id, words))
        seen = {spec.id for spec in found}
        for name in sorted(timm_zoo.search(text), key=lambda name: _within(name, words)):
            if len(found) >= limit:
                break
            if name not in seen:
                found.append(self.spec(name))
        return found[:limit]

    def spec(self, model: str) -> ModelSpec:
        """The row of a model id; raises UnknownModel with suggestions."""
        if model in bundled():
            return bundled()[model]
        if (entry := self._entry(model)) is not None:
            return self._supplied(entry.spec)
        if not timm_zoo.exists(model):
            described = [entry.spec.id for entry in self._described()]
            close = difflib.get_close_matches(model, timm_zoo.names(), n=5, cutoff=0.7)
            raise UnknownModel(model, (*bundled(), *described, *close))
        return self._supplied(timm_zoo.spec(model))

    def complaints(self) -> list[str]:
        """A line for each problem in the folders that makes a model unusable."""
        lines = list(folder.complaints(self._described()))
        if self.models_dir is not None:
            taken = sorted(p.name for p in self.models_dir.glob("*.toml") if p.stem in bundled())
            lines += [f"{name}: a bundled network is called so; rename the file" for name in taken]
        for spec in self.listed() if self.weights_dir else ():
            pickle = self._pickle(spec.id)
            if pickle is not None and spec.reason is not None:
                lines.append(f"{spec.reason}. {weights.how_to(pickle.name)}")
            elif spec.reason is not None and self._file(spec.id, ".safetensors") is not None:
                lines.append(f"{spec.reason}. {READABLE}")
        return lines

    def local(self, model: str) -> bool:
        """Whether the weights are on this machine."""
        spec = self.spec(model)
        if spec.source in ("bundled", "local"):
            return spec.reason is None
        return (
            spec.repository is not None and hub.cached(spec.repository, self.cache_dir) is not None
        )

    def download(
        self,
        model: str,
        progress: Progress,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Path | None:
        """The weights file, or the index of several, downloaded from the hub if necessary; None for
        a bundled model.

        Files of earlier downloads are verified, and fetched again if damaged. Raises what `load`
        raises, and weights.DownloadStopped when `stopped` returns True.
        """
        spec = self.spec(model)
        if spec.source != "hub":
            self._refuse(spec)
            size = spec.size_bytes or 0
            progress(size, size)
            return self._file(spec.id, ".safetensors")
        if spec.repository is not None:
            file = hub.verify(spec.repository, self.cache_dir, weights.sha256)
            if file is not None:
                size = shards.size_bytes(file)
                progress(size, size)
                return file
        return self._weights(spec, progress, stopped)

    def load(
        self,
        model: str,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> LoadedModel:
        """The network with its weights, in eval mode on `device`.

        progress: called with (bytes received, total bytes or None) during a download. Raises
        UnknownModel or a weights.WeightsError.
        """
        spec = self.spec(model)
        entry = None if spec.network is not None else self._entry(spec.id)
        if spec.network is not None:
            module, checksum = shipped.load(spec)
        elif entry is not None:
            module, checksum, size = self._load_described(entry, progress)
            spec = replace(spec, size_bytes=size)
        else:
            module, checksum, size = self._load_timm(spec, progress)
            spec = replace(spec, size_bytes=size)
        spec = replace(
            spec, sha256=checksum, parameters=sum(p.numel() for p in module.parameters())
        )
        module = module.eval().requires_grad_(False)
        _check_writes(spec, module)
        try:
            layouts = survey(module, spec.task, blank(spec.preprocessing))
            if entry is not None and entry.labelled:
                _check_labels(spec, module)
        except weights.WeightsError:
            raise
        except Exception as error:  # third-party network code may raise anything
            raise weights.UnusableNetwork(
                f"{spec.id} fails on a picture of its own size "
                f"({type(error).__name__}: {_short(error)})",
                "Check the size that it expects, and that it takes one photo and nothing else.",
            ) from error
        return LoadedModel(spec, module.to(device), checksum[:12], layouts)

    def _described(self) -> list[folder.Entry]:
        """The models of the model folder. Bundled models take precedence."""
        entries = folder.listed(self.models_dir) if self.models_dir is not None else []
        return [entry for entry in entries if entry.spec.id not in bundled()]

    def _supplied(self, spec: ModelSpec) -> ModelSpec:
        """The row of a hub model, or of the file that replaces it in the weights folder."""
        if spec.source != "hub":
            return spec
        if (file := self._file(spec.id, ".safetensors")) is not None:
            reason = weights.unreadable(file)
            return replace(spec, source="local", size_bytes=file.stat().st_size, reason=reason)
        if (pickle := self._pickle(spec.id)) is not None:
            return replace(spec, source="local", reason=str(weights.unsafe(pickle.name)))
        return spec

    def _entry(self, model: str) -> folder.Entry | None:
        """The model folder's file for this id; None for ids with path separators."""
        if self.models_dir is None or not _names_a_file(model):
            return None
        path = self.models_dir / f"{model}.toml"
        return folder.read(path) if path.is_file() else None

    def _file(self, model: str, suffix: str) -> Path | None:
        """The file of the weights folder for this id."""
        if self.weights_dir is None or not _names_a_file(model):
            return None
        path = self.weights_dir / f"{model}{suffix}"
        return path if path.is_file() else None

    def _pickle(self, model: str) -> Path | None:
        """A pickle in the weights folder with this model's name."""
        files = (self._file(model, suffix) for suffix in weights.PICKLES)
        return next((file for file in files if file is not None), None)

    def _refuse(self, spec: ModelSpec) -> None:
        """Raises for a model that is present but unusable."""
        if spec.reason is None:
            return
        if (entry := self._entry(spec.id)) is not None:
            raise entry.error()
        if self._file(spec.id, ".safetensors") is not None:
            if weights.may_not_be_read(self._file(spec.id, ".safetensors")):
                raise weights.ModelNotLocal(spec.reason, READABLE)
            raise weights.CorruptWeights(spec.reason, "Make the file readable, or supply it again.")
        pickle = self._pickle(spec.id)
        raise weights.UnsafeCheckpoint(spec.reason, weights.how_to(pickle.name if pickle else ""))

    def _weights(
        self,
        spec: ModelSpec,
        progress: Progress | None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Path:
        file = self._file(spec.id, ".safetensors")
        self._refuse(spec)
        if file is not None:
            return file
        if spec.repository is None:
            raise weights.ModelNotLocal(
                f"no hub has weights for {spec.id}",
                f"Put {spec.id}.safetensors into the folder that FOVEA_WEIGHTS_DIR names.",
            )
        return hub.fetch(
            spec.repository,
            self.cache_dir,
            name=spec.id,
            offline=self.offline,
            progress=progress,
            stopped=stopped,
        )

    def _load_described(
        self, entry: folder.Entry, progress: Progress | None
    ) -> tuple[nn.Module, str, int]:
        if entry.mistakes:
            raise entry.error()
        file = entry.weights or self._weights(entry.spec, progress)
        tensors, checksum = shards.read(file, _expected(entry.sha256))
        try:
            module = builders.build(
                entry.builder, entry.arguments, tensors, file.name, self.models_dir
            )
        except weights.WeightsError:
            raise
        except Exception as error:  # the builder may raise anything
            raise weights.UnusableNetwork(
                f"{entry.spec.id}.toml: {entry.builder} could not be built "
                f"({type(error).__name__}: {_short(error)})",
                "Correct [arguments] in the file, or the builder.",
            ) from error
        return module, checksum, shards.size_bytes(file)

    def _load_timm(self, spec: ModelSpec, progress: Progress | None) -> tuple[nn.Module, str, int]:
        file = self._weights(spec, progress)
        tensors, checksum = shards.read(file, _expected(None))
        try:
            module = timm_zoo.build(spec, tensors)
        except RuntimeError as error:
            raise weights.CorruptWeights(
                f"{file.name} does not fit {spec.id}: {error}",
                "Supply the weights of exactly this architecture under timm's key names.",
            ) from error
        return module, checksum, shards.size_bytes(file)


def _expected(sha256: str | None) -> Callable[[Path], str | None]:
    """The expected checksum: from the description, the `.sha256` file beside it, or the hub."""

    def of(file: Path) -> str | None:
        return sha256 or weights.expected_beside(file) or hub.announced_sha256(file)

    return of


def _check_writes(spec: ModelSpec, module: nn.Module) -> None:
    """Raises if a network for a writing task cannot generate, or lacks names for its words."""
    if not task_of(spec.task).writes:
        return
    if not callable(getattr(module, "generate", None)):
        raise weights.InvalidModelFile(
            f"{spec.id}: its task is {spec.task}, and its network has no method `generate`",
            "Give it `generate(photos)`, which returns the words' numbers (photo, word) from "
            f"{SPECIAL[1]} to {SPECIAL[2]}, and `forward(photos, words)`, which returns logits "
            "(photo, place, word).",
        )
    if spec.labels is None or len(spec.labels) <= len(SPECIAL):
        raise weights.InvalidModelFile(
            f"{spec.id}: its task is {spec.task}, and its words have no names",
            f"Name its vocabulary as `labels`; the first are {', '.join(SPECIAL)}.",
        )


def _check_labels(spec: ModelSpec, module: nn.Module) -> None:
    """Raises if the number of class names in a description does not match the network."""
    inputs = blank(spec.preprocessing)
    if spec.labels is None or inputs is None or spec.task not in ("classification", "segmentation"):
        return
    with torch.inference_mode():
        output = tensor_of(module(inputs))
    if output.ndim < 2:
        return
    classes, named = output.shape[1], len(spec.labels)
    one_mask = spec.task == "segmentation" and classes == 1 and named in (1, 2)
    if classes != named and not one_mask:
        raise weights.InvalidModelFile(
            f"{spec.id}.toml: {named} labels for a network of {classes} classes",
            "Name each class once, in the network's order, the background too.",
        )


def _within(name: str, words: list[str]) -> int:
    """The number of words that do not begin a part of the name."""
    return sum(not re.search(rf"(?<![a-z]){re.escape(word)}", name.lower()) for word in words)


def _names_a_file(model: str) -> bool:
    return Path(model).name == model and "\0" not in model


def _short(error: Exception) -> str:
    """The first line of an error message, without paths."""
    lines = str(error).strip().splitlines()
    return (
        re.sub(r"(?:[A-Za-z]:)?(?:[/\\][\w.~-]+){2,}", "…", lines[0])[:200]
        if lines
        else "no message"
    )
