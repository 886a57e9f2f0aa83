"""The part of `fovea doctor` that runs the network: sites, cost, maps, problems."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from fovea.models import networks
from fovea.models.capture import capture
from fovea.models.catalog import builders, timm_zoo
from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.spec import LoadedModel
from fovea.models.catalog.weights.weights import UnusableNetwork
from fovea.models.methods.base import Method, Subject
from fovea.models.methods.registry import METHODS
from fovea.models.places.layout_kinds import layout_kind
from fovea.models.preprocessing import blank
from fovea.models.records import Attention, Site
from fovea.models.running import tasks
from fovea.models.running.compiled import compiled_parts, is_script
from fovea.models.running.outputs import tensors_of
from fovea.models.tracing.audit import summed
from fovea.server.answers.subject import learned_of
from fovea.server.commands.common import problems_stop
from fovea.server.commands.session import loaded, looking
from fovea.server.engine.analysis import Analysis
from fovea.server.settings import Settings

NOISE_PX = (160, 240)
SLOW, SLOW_MS = 1.5, 20.0
"""Slowdown factor, and extra milliseconds, above which the cost of capture is noted."""


async def examine(
    catalog: Catalog, settings: Settings, model: str, repeats: int, variant: str | None = None
) -> dict[str, Any]:
    """The part of the report that needs the network; raises Stop if it cannot run.

    variant: definition of rollout.
    """
    async with looking(catalog, settings) as engine:
        with problems_stop():
            network = await loaded(engine, model)
            analysis = await engine.analyse(_given(network), model)
            inputs = _inputs(network, analysis, engine.device)
            subject = await learned_of(engine, analysis)
        maps = [_map(subject, method, variant) for method in METHODS]
    sites = [about_site(site) for site in analysis.trace.sites]
    cost = measure(network.module, inputs, repeats) | {"kept_bytes": analysis.trace.nbytes}
    problems, notes = findings(network.module, sites, cost)
    unseen = [asdict(one) for one in summed(analysis.trace.unseen)]
    problems += [f"Not a site: {one}." for one in summed(analysis.trace.unseen)]
    report = {"sites": sites, "unseen": unseen, "cost": cost, "maps": maps}
    return {**report, "problems": problems, "notes": notes}


def _given(network: LoadedModel) -> bytes | str:
    """The test input: noise for a vision network, its first words for a language network."""
    if tasks.task_of(network.spec.task).reads == "text":
        labels = network.spec.labels or ()
        return ("" if tasks.spelled(labels) else " ").join(labels[tasks.FIRST_WORD :][:6])
    noise = np.random.default_rng(0).integers(0, 256, (*NOISE_PX, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def about_site(site: Site) -> dict[str, Any]:
    """A site in the words of the report."""
    if isinstance(site.tensors, Attention):
        windows, _, queries, keys = site.tensors.shape
        size = f"{queries}×{keys}" if windows == 1 else f"{windows} × {queries}×{keys}"
    else:
        size = site.tensors.size
    grid = site.grid
    if grid is None and site.layout is not None and site.layout.keys is not None:
        grid = site.layout.keys.grid
    attends = isinstance(site.tensors, Attention)
    return {
        "id": site.id,
        "kind": site.kind,
        "layer": site.layer,
        "name": site.name,
        "heads": site.heads,
        "size": size,
        "layout": _layout(site) if attends else None,
        "grid": None if grid is None else [grid.rows, grid.columns],
        "prefix_tokens": site.prefix_tokens if attends and site.grid is not None else None,
        "note": site.note,
    }


def _layout(site: Site) -> str:
    of_words = site.layout is not None and (site.layout.query_words or site.layout.key_words)
    return "words" if of_words else layout_kind(site)


def _map(subject: Subject, method: Method, variant: str | None) -> dict[str, Any]:
    """Whether the network supports a map, and if not, why."""
    takes = "variant" in {option.name for option in method.options}
    name = f"{method.name} ({variant})" if takes and variant is not None else method.name
    reason = method.reason(subject)
    told = None if reason is None else str(reason)
    return {"name": name, "possible": reason is None, "reason": told}


# Cost ---------------------------------------------------------------------------------------------


def _inputs(network: LoadedModel, analysis: Analysis, device: torch.device) -> tuple[Tensor, ...]:
    """The arguments of one forward pass: noise, words, or both."""
    labels = network.spec.labels or ()
    inputs = blank(network.spec.preprocessing)
    if inputs is None:
        assert analysis.text is not None
        inputs = tasks.ids_of(analysis.text.words, labels)
    else:
        inputs = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
    if analysis.sentence is None:
        return (inputs.to(device),)
    read = torch.tensor([[labels.index(word) for word in analysis.sentence.read]])
    return inputs.to(device), read.to(device)


def measure(module: nn.Module, inputs: tuple[Tensor, ...], repeats: int) -> dict[str, Any]:
    """Median milliseconds of a pass without and with capture, measured alternately."""
    plain_ms, captured_ms = [], []
    with torch.inference_mode():
        output = module(*inputs)
        for _ in range(repeats):
            plain_ms.append(_timed(module, inputs)[0])
            with capture(module):
                taken_ms, seen = _timed(module, inputs)
            captured_ms.append(taken_ms)
    plain, captured = median(plain_ms), median(captured_ms)
    return {
        "forward_ms": plain,
        "captured_ms": captured,
        "ratio": captured / plain,
        "repeats": repeats,
        "same_output": _same(output, seen),
    }


def _same(one: Any, other: Any) -> bool:
    """Whether two outputs are bit-identical; NaN equals NaN."""
    pairs = zip(tensors_of(one), tensors_of(other), strict=True)
    return all(
        a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all()) for a, b in pairs
    )


def _timed(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[float, Any]:
    started = perf_counter()
    output = module(*inputs)
    # Reading one value synchronises with the device.
    next(tensors_of(output)).flatten()[0].item()
    return (perf_counter() - started) * 1000, output


# Problems -----------------------------------------------------------------------------------------


def findings(
    module: nn.Module, sites: list[dict[str, Any]], cost: dict[str, Any]
) -> tuple[list[str], list[str]]:
    """(problems, notes) as sentences."""
    problems, notes = [], []
    for name in compiled_parts(module):
        what = f"{name} is" if name else "The network is"
        if is_script(module.get_submodule(name)):
            problems.append(
                f"{what} TorchScript: what attends in there does not pass through Python and is "
                "not seen. Look at the network that it was made from."
            )
        else:
            notes.append(
                f"{what} compiled. It runs eagerly while it is watched, which may round "
                "differently in the last bits."
            )
    if not sites:
        problems.append(
            "Capture finds nothing: no softmax over keys, no sigmoid on a feature map, no sampling "
            "grid. If it does attend, it computes that in a way that is not recognised "
            "(docs/coverage.md lists the ways)."
        )
    attends = [site for site in sites if site["kind"] == "attention"]
    unknown = [site["id"] for site in attends if site["layout"] == "unknown"]
    if unknown:
        notes.append(
            f"The places of {len(unknown)} of {len(attends)} attention sites could not be followed "
            f"({', '.join(unknown[:8])}{' …' * (len(unknown) > 8)}): they are matrices, never "
            "drawn on a photo."
        )
    if any(site["layout"] == "channel×channel" for site in sites):
        notes.append("Attention between channels has no places, whatever the network looks at.")
    if cost["ratio"] > SLOW and cost["captured_ms"] - cost["forward_ms"] > SLOW_MS:
        notes.append(
            "Capture is slow here; a network of many small layers pays most, and so does a machine "
            "that is busy."
        )
    if not cost["same_output"]:
        notes.append(
            "With capture the output differs: the network draws lots, or parts of it are compiled "
            "and run eagerly while they are watched."
        )
    return problems, notes


# Random weights -----------------------------------------------------------------------------------


class RandomWeights(Catalog):
    """A catalogue whose models are built with random weights."""

    def local(self, model: str) -> bool:
        return True

    def load(
        self,
        model: str,
        device: torch.device | str = "cpu",
        progress: object = None,
    ) -> LoadedModel:
        """The architecture alone. Raises WeightsError if it cannot be built."""
        spec = self.spec(model)
        torch.manual_seed(0)
        module = self.architecture(spec.id).eval().requires_grad_(False)
        layouts = tasks.survey(module, spec.task, blank(spec.preprocessing))
        return LoadedModel(replace(spec, reason=None), module.to(device), "random", layouts)

    def architecture(self, model: str) -> nn.Module:
        """The network without its weights."""
        spec, entry = self.spec(model), self._entry(model)
        if spec.network is not None:
            return networks.build(spec.network[0], **spec.network[1])
        if entry is None:
            return timm_zoo.create(spec.id, {})
        if not entry.builder:
            raise entry.error()
        try:
            return builders.architecture(entry.builder, entry.arguments, self.models_dir)
        except Exception as error:  # the builder is third-party code and may raise anything
            raise UnusableNetwork(
                f"{model}.toml: {entry.builder} could not be built ({type(error).__name__}: "
                f"{error})",
                "Correct [arguments] in the file, or the builder.",
            ) from error


def random_weights(catalog: Catalog) -> RandomWeights:
    """A catalogue over the same folders."""
    return RandomWeights(
        catalog.weights_dir, catalog.cache_dir, catalog.models_dir, offline=catalog.offline
    )
