"""Maps that are computed one layer at a time: each block is run again on its own.

One pass records the inputs of each block and keeps little attention; see `models/capture`. The
functions take (module, photo, …) and `layouts` as those of `for_class` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from fovea.models.capture import capture
from fovea.models.capture.module_calls import Call, Calls, calls, differentiable
from fovea.models.capture.outline import is_outline, outlined
from fovea.models.capture.replay import repeated
from fovea.models.kinds.attention.rows import Fusion
from fovea.models.maps import legrad as legrad_maps
from fovea.models.maps import rollout as rollout_maps
from fovea.models.maps.propagation import NotPossible, chain
from fovea.models.methods.making.few import has_few_tokens
from fovea.models.places.layout import Layouts, place, survey
from fovea.models.records import Map, Site, Trace
from fovea.models.running.inference import run
from fovea.models.tracing.checkpointing import without_checkpoints

KEEP_BYTES = 12 * 10**6
"""Budget for queries and keys that a rollout keeps instead of running their blocks twice: all of a
ViT-S at 224 px, two layers of twelve at 518 px.
"""
_IN_A_TAIL = (nn.Linear, nn.Identity, nn.Dropout)


def _scorer(tail: Sequence[nn.Module]) -> Callable[[Tensor], Tensor]:
    """The network's own norm and head, found among the modules that run after the last block."""
    linear = [part for part in tail if isinstance(part, nn.Linear)]
    others = [part for part in tail if not isinstance(part, _IN_A_TAIL)]
    norms = [part for part in others if "norm" in type(part).__name__.lower()]
    if len(linear) != 1 or len(norms) != len(others) or tail[-1] is not linear[0]:
        names = ", ".join(type(part).__name__ for part in tail) or "nothing"
        raise NotPossible(
            f"LeGrad scores every layer by the network's norm and one linear head; after its last "
            f"block this one has {names}"
        )
    return nn.Sequential(*tail)


def _layer_of(
    site: Site, call: Call, score: Callable[[Tensor], Tensor], target: int, layouts: Layouts
) -> Tensor:
    """(key,): the map of one layer, recomputed from its block."""
    with torch.enable_grad(), capture(call.module, gradients=True) as recording:
        args, kwargs = tree_map(differentiable, (call.args, dict(call.kwargs)))
        output = call.module(*args, **kwargs)
    total = _score_of(output, site, call, score, target)
    trace = recording.differentiate(total)
    with torch.no_grad():
        return legrad_maps.layer_map(_found_again(site, trace, layouts).attention)


def _score_of(
    output: Any, site: Site, call: Call, score: Callable[[Tensor], Tensor], target: int
) -> Tensor:
    """sˡ: the head's score of the mean token of a block's output."""
    outputs = [output] if isinstance(output, Tensor) else list(output)
    tensors = [one for one in outputs if isinstance(one, Tensor) and one.ndim == 3]
    streams = [tensor for tensor in tensors if tensor.shape[1] == site.keys]
    if not streams:
        raise NotPossible(f"the block {call.path} does not give out its tokens")
    pooled = streams[0].mean(1)
    try:
        with torch.enable_grad():
            scores = score(pooled)
    except RuntimeError as error:
        raise NotPossible(
            f"LeGrad gives the mean token ({pooled.shape[-1]} numbers) to the network's head, "
            "which takes something else"
        ) from error
    if not target < scores.shape[-1]:
        raise NotPossible(f"the network's last linear layer has no class {target}")
    return scores[0, target]


def _found_again(site: Site, trace: Trace, layouts: Layouts) -> Site:
    """The whole network's site in the trace of its block alone, with places."""
    tokens, index = site.keys, int(site.id[1:])
    attentions = [one for one in trace.sites if one.attends]
    own = [attention for attention in attentions if attention.queries == attention.keys == tokens][
        -1
    ]
    (placed,) = place(Trace((own,)), layouts[index : index + 1]).sites
    return replace(placed, id=site.id, layer=site.layer, name=site.name)


@dataclass(frozen=True)
class _Passed:
    """A pass that keeps no more tensors than requested: the sites of the chain, and for each the
    call of its block; None for a site that is in no block.
    """

    sites: tuple[Site, ...]
    calls: tuple[Call, ...] | None
    tail: tuple[nn.Module, ...]


def _passed(module: nn.Module, photo: Tensor, layouts: Layouts, keep_bytes: int = 0) -> _Passed:
    blocks = repeated(module)
    with torch.no_grad(), calls(module, blocks) as noted, outlined(module, keep_bytes) as seen:
        module(photo)
    return _matched(chain(place(seen.trace, layouts)), noted, blocks)


def _matched(sites: tuple[Site, ...], noted: Calls, blocks: Mapping[str, nn.Module]) -> _Passed:
    held = [_block_of(site, blocks) for site in sites]
    made = {call.path: call for call in noted.made}
    alone = len(set(held)) == len(held) and len(made) == len(noted.made)
    found = tuple(made[path] for path in held if path is not None) if alone else ()
    return _Passed(sites, found if len(found) == len(sites) else None, tuple(noted.tail))


def _layers_at_once(
    module: nn.Module, photo: Tensor, target: int, layouts: Layouts
) -> tuple[list[Tensor], Site]:
    """All layers' maps and the last layer, from one pass in which each block has its own graph, so
    that a single backward pass differentiates every sˡ by its own layer.
    """
    blocks = repeated(module)
    with torch.enable_grad(), without_checkpoints(), calls(module, blocks, apart=True) as noted:
        with capture(module, gradients=True, matrices=True) as recording:
            module(photo)
        passed = _matched(chain(place(recording.trace, layouts)), noted, blocks)
        made, score = _calls_of(passed), _scorer(passed.tail)
        scores = [
            _score_of(call.output, site, call, score, target)
            for site, call in zip(passed.sites, made, strict=True)
        ]
        trace = place(recording.differentiate(torch.stack(scores).sum()), layouts)
    sites = [trace.sites[int(site.id[1:])] for site in passed.sites]
    with torch.no_grad():
        return [legrad_maps.layer_map(site.attention) for site in sites], sites[-1]


def _block_of(site: Site, blocks: Mapping[str, nn.Module]) -> str | None:
    """The path of the block that the site is in."""
    return next((path for path in blocks if f"{site.name}.".startswith(f"{path}.")), None)


def try_legrad(module: nn.Module, photo: Tensor, target: int, layouts: Layouts) -> None:
    """Raises NotPossible if `legrad` would, by running two blocks instead of all."""
    passed = _passed(module, photo, layouts)
    calls = _calls_of(passed)
    score = _scorer(passed.tail)
    for index in {0, len(calls) - 1}:
        _layer_of(passed.sites[index], calls[index], score, target, layouts)


def _calls_of(passed: _Passed) -> tuple[Call, ...]:
    if passed.calls is None:
        raise NotPossible("LeGrad needs one attention in each of the network's blocks")
    return passed.calls


def legrad(module: nn.Module, photo: Tensor, target: int, layouts: Layouts | None = None) -> Map:
    """LeGrad (arXiv 2404.03214) of a vision transformer with a norm and a head: (row, column).

    Every block is run again on its own, and sˡ = head(norm(mean over tokens of xˡ)) is
    differentiated; with few tokens, all in one pass. Raises NotPossible if the network lacks that
    structure.
    """
    layouts = survey(module, photo) if layouts is None else layouts
    if has_few_tokens(layouts):
        return legrad_maps.legrad(*_layers_at_once(module, photo, target, layouts))
    passed = _passed(module, photo, layouts)
    calls = _calls_of(passed)
    score = _scorer(passed.tail)
    layers = [
        _layer_of(site, call, score, target, layouts)
        for site, call in zip(passed.sites, calls, strict=True)
    ]
    return legrad_maps.legrad(layers, passed.sites[-1])


def rollout(
    module: nn.Module,
    photo: Tensor,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    layouts: Layouts | None = None,
) -> Map:
    """`maps.rollout.rollout` with few layers' attention in memory at a time: as many as fit into
    KEEP_BYTES, then one by one; with few tokens, all.

    If a trace is kept anyway, as in the server, rollout from it is faster.
    """
    row = rollout_maps.class_row(fusion, discard)
    layouts = survey(module, photo) if layouts is None else layouts
    if has_few_tokens(layouts):
        with torch.inference_mode(), capture(module, matrices=True) as whole:
            module(photo)
            return rollout_maps.rollout(place(whole.trace, layouts), fusion, discard)
    passed = _passed(module, photo, layouts, KEEP_BYTES)
    if passed.calls is None:
        _, (trace,) = run(module, photo, layouts)
        return rollout_maps.rollout(trace, fusion, discard)
    with torch.inference_mode():
        for site, call in zip(reversed(passed.sites), reversed(passed.calls), strict=True):
            if not is_outline(site.attention):
                row.through(site)
                continue
            with capture(call.module) as recording:
                call.module(*call.args, **call.kwargs)
            row.through(_found_again(site, recording.trace, layouts))
            del recording
        return rollout_maps.map_of(row, fusion, discard)
