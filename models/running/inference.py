"""One forward pass with everything that attended in it, optionally with gradients of a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.capture.block import Block, following
from fovea.models.capture.stream import Addition, stream
from fovea.models.capture.workings import workings
from fovea.models.places.follow import Followed, follow_call
from fovea.models.places.layout import (
    Layouts,
    are_drawn,
    layouts_of,
    place,
    survey,
    with_words_of,
)
from fovea.models.records import Site, Trace
from fovea.models.running.outputs import tensor_of
from fovea.models.tracing.operations import Workings


def run(
    module: nn.Module,
    inputs: Tensor,
    layouts: Layouts | None = None,
    words: Tensor | None = None,
) -> tuple[Tensor, tuple[Trace, ...]]:
    """(logits, traces): the output and one trace with positions for each photo.

    module: in eval mode. inputs: (photo, channel, height, width) on the module's device, or (1,
    word) for one that reads a sentence. layouts: from `survey` for this network and input size;
    computed now if not given. words: (photo, word), the words written so far by a network that
    writes.
    """
    more = () if words is None else (words,)
    layouts = survey(module, inputs[:1], *more) if layouts is None else layouts
    if are_drawn(layouts):
        return _run_followed(module, inputs, words, layouts)
    with torch.inference_mode(), capture(module, features=True) as recording:
        logits = tensor_of(module(inputs, *more))
    traces = recording.trace.split(inputs.shape[0])
    return logits, tuple(place(trace, layouts) for trace in traces)


def _run_followed(
    module: nn.Module, inputs: Tensor, words: Tensor | None, known: Layouts
) -> tuple[Tensor, tuple[Trace, ...]]:
    """Like `run`, photo by photo, with each pass followed itself: for networks whose token order is
    random or depends on the photo. Which tokens are words is as `known` says.
    """
    logits, traces = [], []
    for index in range(inputs.shape[0]):
        photo = slice(index, index + 1)
        given = (inputs[photo],) if words is None else (inputs[photo], words[photo])
        with torch.inference_mode():
            followed = follow_call(module, module, given, {}, features=True)
        logits.append(tensor_of(followed.output))
        layouts = tuple(map(with_words_of, layouts_of(followed), _as_many(known, followed)))
        traces.append(place(followed.trace, layouts))
    return torch.cat(logits), tuple(traces)


def _as_many(layouts: Layouts, followed: Followed) -> Layouts:
    """One for each site of a pass; none, if it had another number of them."""
    sites = len(followed.trace.sites)
    return layouts if len(layouts) == sites else (None,) * sites


def run_for_class(
    module: nn.Module, inputs: Tensor, target: int, layouts: Layouts | None = None
) -> tuple[Tensor, Trace]:
    """(logits, trace) of one photo, with the gradients of one class logit in the trace.

    inputs: (1, channel, height, width). Parameters get no gradient: the graph starts at the photo.
    """
    layouts = survey(module, inputs) if layouts is None else layouts
    photo = inputs.detach().clone().requires_grad_()
    if are_drawn(layouts):
        with torch.enable_grad():
            followed = follow_call(module, module, (photo,), {}, gradients=True)
        logits, layouts = tensor_of(followed.output), layouts_of(followed)
        recording = followed.recording
    else:
        with torch.enable_grad(), capture(module, gradients=True) as recording:
            logits = tensor_of(module(photo))
    return logits.detach(), place(recording.differentiate(logits[0, target]), layouts)


def run_for_workings(
    module: nn.Module, inputs: Tensor, index: int, site: Site, words: Tensor | None = None
) -> Workings | None:
    """The tensors behind one site's result for one photo; None if the pass did not reach it.

    index: the site's index in the trace · inputs, words: as for `run`.
    """
    more = () if words is None else (words,)
    with torch.inference_mode(), workings(module, index, site.name, site.kind) as noting:
        module(inputs, *more)
    return noting.finish()


def run_for_stream(
    module: nn.Module, inputs: Tensor, site: Site, words: Tensor | None = None
) -> tuple[Addition, ...]:
    """Everything added to the tokens of a site for one photo, from the first to the last layer.

    site: attention between patches, or one whose queries are words; streams of other sentences of
    the same length are included · inputs, words: as for `run`.
    """
    given = (inputs,) if words is None else (inputs, words)
    tokens, prefix = site.attention.shape[2], site.prefix_tokens
    with torch.inference_mode(), stream(module, given, tokens, prefix) as found:
        module(*given)
    return tuple(found)


def run_for_block(
    module: nn.Module,
    inputs: Tensor,
    index: int,
    site: Site,
    token: int,
    words: Tensor | None = None,
) -> Block | None:
    """What the block of a site does to one of its tokens; None where what it adds is not followed.

    index: the site's place in the trace · token: one of its queries · others: as for
    `run_for_stream`.
    """
    given = (inputs,) if words is None else (inputs, words)
    tokens, prefix = site.attention.shape[2], site.prefix_tokens
    with torch.inference_mode(), following(module, given, tokens, prefix, token) as watching:
        module(*given)
    return watching.finish(index)
