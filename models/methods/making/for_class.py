"""Class maps from a network and a photo, with one layer's graph in memory at a time.

The formulas are in `models/maps`; here the necessary passes are run. Every function takes (module,
photo, target): a network in eval mode, (1, channel, height, width) on its device and the index of a
class; and `layouts`, from `survey`, computed if not given. Parameters get no gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.capture.replay import repeated, replay
from fovea.models.maps import encoder_decoder, gradients, heads
from fovea.models.maps.propagation import ClassRow, chain
from fovea.models.methods.making.blockwise import legrad, rollout
from fovea.models.methods.making.few import has_few_tokens
from fovea.models.places.layout import Layouts, place, survey
from fovea.models.records import Map, Site, Trace
from fovea.models.running.outputs import tensor_of
from fovea.models.tracing.checkpointing import without_checkpoints

__all__ = [
    "attention_grad_cam",
    "gradient_rollout",
    "head_importance",
    "layers_backwards",
    "legrad",
    "relevance",
    "rollout",
    "word_relevance",
]

Objective = Callable[[Tensor], Tensor]
"""From the network's output to the scalar that is differentiated."""


def logit_of(target: int) -> Objective:
    """The logit of a class."""
    return lambda logits: logits[0, target]


def loss_of(target: int) -> Objective:
    """The cross-entropy with a class."""
    return lambda logits: F.cross_entropy(logits[:1], torch.tensor([target], device=logits.device))


def layers_backwards(
    module: nn.Module,
    photo: Tensor,
    objective: Objective,
    layouts: Layouts,
    see: Callable[[Site], None],
    wanted: Callable[[Trace], Sequence[Site]] = chain,
) -> None:
    """Calls `see` with each wanted site and its gradients, last one first; each is freed
    afterwards.

    wanted: selects them from a trace whose tensors may be shapes only; the backward pass stops at
    the first of them. If a wanted site is in none of the network's repeated blocks, one graph of
    the whole network is built instead.
    """
    photo = photo.detach().clone().requires_grad_()
    blocks = repeated(module)
    ids: set[str] = set()
    few = has_few_tokens(layouts)

    def on_block(sites: Sequence[Site]) -> None:
        for site in reversed(sites):
            if site.id in ids:
                index = int(site.id[1:])
                (placed,) = place(Trace((site,)), layouts[index : index + 1]).sites
                with torch.no_grad():
                    see(placed)

    def at_once() -> None:
        with torch.enable_grad(), without_checkpoints():
            with capture(module, gradients=True, matrices=few) as recording:
                target = objective(tensor_of(module(photo)))
            ids.update(site.id for site in wanted(place(recording.trace, layouts)))
            recording.differentiate_only(ids)
            on_block(recording.differentiate(target).sites)

    if few:
        at_once()
        return
    with torch.enable_grad(), replay(module, blocks, on_block) as outline:
        target = objective(tensor_of(module(photo)))
    picked = wanted(place(outline.trace, layouts))
    ids.update(site.id for site in picked)
    inside = {s.id for s, block in zip(outline.trace.sites, outline.blocks, strict=True) if block}
    if ids <= inside:
        outline.awaited = set(ids)
        outline.differentiate_from([target], [torch.ones_like(target)], [photo])
        return
    del target, outline
    at_once()


def _row_map(
    row: ClassRow, name: str, module: nn.Module, photo: Tensor, target: int, layouts: Layouts | None
) -> Map:
    layouts = survey(module, photo) if layouts is None else layouts
    layers_backwards(module, photo, logit_of(target), layouts, row.through)
    return row.map(name)


def relevance(module: nn.Module, photo: Tensor, target: int, layouts: Layouts | None = None) -> Map:
    """`fovea.models.maps.gradients.relevance` for a class."""
    row = ClassRow(gradients.clamped_before_mean, normalised=False)
    return _row_map(row, "Relevance", module, photo, target, layouts)


def gradient_rollout(
    module: nn.Module, photo: Tensor, target: int, layouts: Layouts | None = None
) -> Map:
    """`fovea.models.maps.gradients.gradient_rollout` for a class."""
    row = ClassRow(gradients.clamped_after_mean, normalised=True)
    return _row_map(row, "Gradient rollout", module, photo, target, layouts)


def attention_grad_cam(
    module: nn.Module, photo: Tensor, target: int, layouts: Layouts | None = None
) -> Map:
    """`fovea.models.maps.gradients.attention_grad_cam` for a class."""
    found: list[Map] = []
    layers_backwards(
        module,
        photo,
        logit_of(target),
        survey(module, photo) if layouts is None else layouts,
        lambda site: found.append(gradients.grad_cam_of(site)),
        lambda trace: chain(trace)[-1:],
    )
    return found[0]


def head_importance(
    module: nn.Module, photos: Tensor, targets: Sequence[int], layouts: Layouts | None = None
) -> Map:
    """(layer, head): the mean over photos of |∂L/∂ξ_h|, with L the cross-entropy for each photo's
    class.

    photos: (photo, channel, height, width); every attention site is a layer.
    """
    layouts = survey(module, photos[:1]) if layouts is None else layouts
    per_photo: list[list[Tensor]] = []
    for photo, target in zip(photos.split(1), targets, strict=True):
        per_photo.append(_heads_of(module, photo, target, layouts))
    return heads.head_importance(per_photo)


def _heads_of(module: nn.Module, photo: Tensor, target: int, layouts: Layouts) -> list[Tensor]:
    """For each layer, (head,)."""
    layers: list[Tensor] = []

    def see(site: Site) -> None:
        layers.append(heads.head_gradient(site.attention))

    def attentions(trace: Trace) -> tuple[Site, ...]:
        return tuple(site for site in trace.sites if site.attends)

    layers_backwards(module, photo, loss_of(target), layouts, see, attentions)
    return layers[::-1]


def word_relevance(
    module: nn.Module, photo: Tensor, words: Tensor, index: int, layouts: Layouts | None = None
) -> Map:
    """The relevance for a word that a captioner or translator wrote:
    `encoder_decoder.query_relevance`.

    photo: or the source sentence, (1, word). words: (1, word + 1), the output including the start
    word; index: position of the word among those written. module(photo, words) gives logits (1,
    position, word).
    """
    read = words[:, :-1].to(photo.device)
    layouts = survey(module, photo, read) if layouts is None else layouts
    with torch.enable_grad(), _everything_differentiable(module):
        with capture(module, gradients=True) as recording:
            logits = tensor_of(module(photo, read))
        trace = recording.differentiate(logits[0, index, int(words[0, index + 1])])
    with torch.no_grad():
        return encoder_decoder.query_relevance(place(trace, layouts), index)


@contextmanager
def _everything_differentiable(module: nn.Module) -> Iterator[None]:
    """A decoder's first attention is over words alone, so its graph starts at their embedding."""
    at_rest = [p for p in module.parameters() if not p.requires_grad and p.is_floating_point()]
    for parameter in at_rest:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in at_rest:
            parameter.requires_grad_(False)
