"""Maps of a whole trace, by the name of their method: what each needs and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fovea.models.catalog.spec import LoadedModel, ModelSpec
from fovea.models.kinds.attention import rows as attention
from fovea.models.kinds.attention import windows as places
from fovea.models.maps import mass, rollout
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods import for_class as explain
from fovea.models.methods import grad_cam
from fovea.models.networks.decoder import START
from fovea.models.places.layout import Layouts
from fovea.models.records import Map, Site, Trace
from fovea.models.running.tasks import Sentence
from fovea.server.answers import positions
from fovea.server.answers import residual_stream as stream
from fovea.server.answers.named_array import NamedArray
from fovea.server.answers.queries import head_words, parse_head
from fovea.server.answers.views import of_map
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.engine import Engine
from fovea.server.engine.inference import MakeMap
from fovea.server.problems import InvalidParameter, MapNotPossible, UnknownMap


@dataclass(frozen=True, slots=True)
class Options:
    """What a request may choose; a map takes from it what it knows.

    discard: None for the variant's own. target: a class by number or label, word: one that was
    written by its place; None for the predicted class, or the first word. query: a place, or the
    number of a word, as text; None for the middle place, or for all words. words: of which sentence
    the positions are; None for those of the photo, or of the sentence that was read. site: whose
    tokens' positions they are, None for those of the whole photo; or of which layer a map is, None
    for the last.
    """

    fusion: Literal["mean", "max", "min"] = "mean"
    discard: float | None = None
    variant: Literal["abnar", "vit-explain"] = "abnar"
    mass: float = 0.6
    head: str = "mean"
    target: str | None = None
    word: int | None = None
    query: str | None = None
    words: positions.SentenceName | None = None
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """How a map is made: from the trace that an analysis keeps, or for a class, by passes of the
    network.

    for_word: for a network that writes, the map for a word, from what it wrote and its place.
    of_site: of one attention, by default the last whose keys have places. of_positions: of what the
    network adds to its tokens, whatever the photo · of_stream: of all that it adds to them.
    """

    of_trace: Callable[[Trace, Options], Map] | None = None
    for_class: MakeMap | None = None
    for_word: Callable[[Sentence], MakeMap] | None = None
    of_site: Callable[[Site, Options], Map] | None = None
    of_positions: bool = False
    of_stream: bool = False


def _rollout(trace: Trace, options: Options) -> Map:
    make = rollout.vit_explain if options.variant == "vit-explain" else rollout.rollout
    given = {} if options.discard is None else {"discard": options.discard}
    return make(trace, options.fusion, **given)


def _for_class(make: Callable[[nn.Module, Tensor, int, Layouts], Map]) -> MakeMap:
    def made(loaded: LoadedModel, photo: Tensor, target: int) -> Map:
        return make(loaded.module, photo, target, loaded.layouts)

    return made


def _importance(loaded: LoadedModel, photo: Tensor, target: int) -> Map:
    return explain.head_importance(loaded.module, photo, [target], loaded.layouts)


def _grad_cam(loaded: LoadedModel, photo: Tensor, target: int) -> Map:
    return grad_cam.grad_cam(loaded.module, photo, target)


def _word_relevance(sentence: Sentence) -> MakeMap:
    written = torch.tensor([[START, *(word.index for word in sentence.written)]])

    def made(loaded: LoadedModel, photo: Tensor, place: int) -> Map:
        return explain.word_relevance(loaded.module, photo, written, place, loaded.layouts)

    return made


def _received(site: Site, options: Options) -> Map:
    assert site.layout is not None
    heads = parse_head(options.head, site.heads or 1)
    values = places.received(site.attention, site.layout)
    assert site.layout.keys is not None
    grid = site.layout.keys.grid
    prefix = site.on_grid(attention.column_means(site.attention))[1] if site.grid else None
    return Map(
        values=attention.fuse(values, heads),
        axes=("head", *grid.axis_names) if heads == "all" else grid.axis_names,
        prefix=None if prefix is None else attention.fuse(prefix, heads),
        sentence=f"Layer {site.layer}, {head_words(heads)}: how much each patch is looked at by "
        f"all {'words' if site.layout.query_words else 'tokens'} that see it",
        grid=grid,
    )


def _has_placed_keys(site: Site) -> bool:
    return site.attends and site.layout is not None and site.layout.keys is not None


def _dino(trace: Trace, options: Options) -> Map:
    found = mass.dino(trace, options.mass)
    heads = parse_head(options.head, found.values.shape[0])
    return Map(
        values=attention.fuse(found.values, heads),
        axes=found.axes if heads == "all" else found.axes[1:],
        prefix=None,
        sentence=f"{found.sentence}, {head_words(heads)}",
    )


METHODS: dict[str, Method] = {
    "rollout": Method(_rollout),
    "gradient-rollout": Method(for_class=_for_class(explain.gradient_rollout)),
    "relevance": Method(for_class=_for_class(explain.relevance), for_word=_word_relevance),
    "attention-grad-cam": Method(for_class=_for_class(explain.attention_grad_cam)),
    "legrad": Method(for_class=_for_class(explain.legrad)),
    "grad-cam": Method(for_class=_grad_cam),
    "dino": Method(_dino),
    "head-importance": Method(for_class=_importance),
    "positions": Method(of_positions=True),
    "received": Method(of_site=_received),
    "token-lengths": Method(of_stream=True),
}


def method_of(name: str) -> Method:
    """The row of METHODS; raises UnknownMap, which lists the valid ones."""
    if name not in METHODS:
        valid = ", ".join(METHODS)
        raise UnknownMap(f"There is no map {name[:50]!r}; valid: {valid}.", valid=list(METHODS))
    return METHODS[name]


def target_of(target: str | None, spec: ModelSpec, predicted: int | None) -> int:
    """The index of a class named by its number or its label; the predicted one if none is named."""
    if predicted is None:
        raise MapNotPossible(f"{spec.id} names no classes, so there is no map for one.")
    if target is None:
        return predicted
    text = target.strip()
    count = None if spec.labels is None else len(spec.labels)
    if text.isdecimal() and count is not None and int(text[:9]) < count:
        return int(text)
    folded = text.casefold()
    for index, label in enumerate(spec.labels or ()):
        if folded in (label.casefold(), label.split(",")[0].casefold()):
            return index
    valid = f"0 to {count - 1}, or a label" if count else "the predicted class only"
    raise InvalidParameter(
        f"target={text[:50]!r} is no class of {spec.id}; valid: {valid}.",
        hint="The labels are in the model's card, GET /v1/models/{model}.",
    )


def word_of(word: int | None, sentence: Sentence, model: str) -> int:
    """The place of a word that was written, counted from 0; the first if none is named."""
    count = len(sentence.words)
    if not count:
        raise MapNotPossible(f"{model} wrote no word about it.")
    if word is not None and word >= count:
        raise InvalidParameter(
            f"word={word} does not exist; it wrote words 0 to {count - 1}.",
            limit=count - 1,
            actual=word,
        )
    return word or 0


@dataclass(frozen=True, slots=True)
class About:
    """What a map is for: a class by its index, or a word by its place, and what it is called."""

    index: int
    label: str
    is_word: bool = False


async def compute(
    engine: Engine, analysis: Analysis, name: str, options: Options
) -> Callable[[], NamedArray]:
    """What gives the map called `name`, after the passes of the network that it takes.

    Raises UnknownMap, InvalidParameter, or MapNotPossible where this network cannot have it; so
    does the function that is returned.
    """
    method, spec, sentence = method_of(name), analysis.model, analysis.sentence
    if method.of_positions:
        found_positions = await engine.positions(analysis, partial(positions.found_in, sentence))
        return partial(
            positions.how_alike,
            found_positions,
            analysis,
            options.words,
            options.site,
            options.query,
        )
    if analysis.photo is None and method.for_word is None:
        raise MapNotPossible(f"{spec.id} read a sentence; there is no photo to lay a map on.")
    if method.of_site is not None:
        return partial(of_site, name, analysis, options)
    if method.of_stream:
        return await stream.lengths(engine, analysis, options.site)
    if method.for_word is not None and sentence is not None:
        place = word_of(options.word, sentence, spec.id)
        make = method.for_word(sentence)
        about = About(place, sentence.written[place].text, is_word=True)
    elif method.for_class is not None:
        predicted = analysis.predictions[0].index if analysis.predictions else None
        index = target_of(options.target, spec, predicted)
        make, about = method.for_class, About(index, spec.label(index))
    else:
        return partial(of_trace, name, analysis.trace, spec, options)
    found = await engine.map_for_class(analysis, about.index, name, make)
    return partial(of_network, name, found, about)


def of_site(name: str, analysis: Analysis, options: Options) -> NamedArray:
    """A map of one attention of a trace; raises MapNotPossible where its keys have no places."""
    make, site = method_of(name).of_site, options.site
    assert make is not None
    if site is None:
        site = next((one for one in reversed(analysis.trace.sites) if _has_placed_keys(one)), None)
    if site is None or not _has_placed_keys(site):
        whose = analysis.model.id if site is None else f"site {site.id}"
        raise MapNotPossible(f"What is looked at in {whose} has no known places.")
    with torch.inference_mode():
        found = make(site, options)
    return of_map(found, found.sentence, {"method": name, "site": site.id, "head": options.head})


def of_trace(name: str, trace: Trace, spec: ModelSpec, options: Options) -> NamedArray:
    """A map from a kept trace; raises MapNotPossible where this network cannot have it."""
    make = method_of(name).of_trace
    assert make is not None
    try:
        with torch.inference_mode():
            found = make(trace, options)
    except NotPossible as error:
        raise MapNotPossible(f"{spec.id}: {error}.") from error
    about: dict[str, Any] = {"method": name}
    if name == "rollout":
        about |= {"fusion": options.fusion, "discard": options.discard, "variant": options.variant}
    return of_map(found, found.sentence, about)


def of_network(name: str, found: Map, about: About) -> NamedArray:
    """A map that the network was run for, with what it is for in its sentence."""
    named = {"index": about.index, "label": about.label}
    kind = "word" if about.is_word else "target"
    label = f"“{about.label}”" if about.is_word else about.label
    return of_map(found, f"{found.sentence}, for {label}", {"method": name, kind: named})
