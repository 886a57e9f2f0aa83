"""What can be read from an analysis: (Analysis, parameters) → NamedArray, computed on demand.

Layers, heads, channels, rows, columns and tokens count from 0, here and in the sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from fovea.models.kinds.kind import SiteKind
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods import options
from fovea.models.methods.base import Made, Option, Phrase, Subject, refusal
from fovea.models.methods.gates import gate_of
from fovea.models.methods.making.attending import attended
from fovea.models.methods.making.queries import Direction
from fovea.models.methods.probes import additions, asks_with_words
from fovea.models.methods.registry import method
from fovea.models.methods.spatial_transformer import sampling_grid as grid_of
from fovea.models.records import Site, Trace
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.answers.subject import subject_of
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter, MapNotPossible, NotAcceptable, WrongKind


def as_array(tensor: Tensor) -> Array:
    """float32 on the CPU; integers keep their type."""
    kept = tensor.detach().cpu()
    array: Array = (kept.float() if kept.is_floating_point() else kept).numpy()
    return array


def of_made(made: Made) -> NamedArray:
    """Converts a computed map into the array that is sent."""
    found = made.map
    prefix = None if found.prefix is None or not found.prefix.numel() else as_array(found.prefix)
    return NamedArray(
        as_array(found.values),
        found.axes,
        str(found.sentence),
        prefix,
        made.about,
        made.on_photo,
        made.name,
        grid=found.grid,
        more={name: (as_array(values), axes) for name, (values, axes) in made.more.items()},
    )


def require(site: Site, view: str) -> SiteKind:
    """The site's kind; raises WrongKind unless that kind has this view."""
    kind = SITE_KINDS[site.kind]
    if view not in kind.views:
        valid = [one.name for one in SITE_KINDS.values() if view in one.views]
        raise WrongKind(
            f"Site {site.id} ({site.name}) is of the kind {site.kind}, not {' or '.join(valid)}.",
            valid=valid,
        )
    return kind


def titled(site: Site) -> str:
    """The site's name in a sentence."""
    return f"{SITE_KINDS[site.kind].title} {site.layer}"


# Views of a site other than maps ------------------------------------------------------------------

Why = Callable[[Subject, Site], Phrase | None]


@dataclass(frozen=True, slots=True)
class View:
    """A view of a site that is not a map. reason: why this site lacks it, or None."""

    title: str
    claim: str
    reason: Why = lambda subject, site: None
    options: tuple[Option, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """The options as a JSON Schema."""
        properties = {option.name: dict(option.schema) for option in self.options}
        return {"type": "object", "properties": properties, "additionalProperties": False}


def no_projections(site: Site) -> Phrase | None:
    """Why queries and keys are not enough to compute every row of a site, or None."""
    held = site.attention
    if held.factored and held.shape[0] == 1:
        return None
    return Phrase(
        "no-projections",
        "Site {site} ({name}) has a mask, windows or an explicit matrix.",
        {"site": site.id, "name": site.name},
    )


def no_features(site: Site) -> Phrase | None:
    """Why the feature maps before a gate are unavailable, or None."""
    keep = SITE_KINDS[site.kind].features
    if keep is not None and keep(site) is not None:
        return None
    return Phrase(
        "no-features", "The feature maps of site {site} were not kept.", {"site": site.id}
    )


def no_stream(subject: Subject, site: Site) -> Phrase | None:
    """Why the residual stream of a site is unavailable, or None."""
    of_patches = site.grid is not None and site.queries == site.keys
    if not of_patches and not asks_with_words(site):
        return Phrase(
            "not-patches-or-words",
            "Site {site} is no attention of all patches to each other, nor one that words ask.",
            {"site": site.id},
        )
    try:
        followed = site.id in subject.ask(additions)
    except NotPossible as error:
        return refusal(subject, error)
    if followed:
        return None
    return Phrase(
        "not-followed",
        "What is added to the tokens of site {site} of {model} could not be followed.",
        {"site": site.id, "model": subject.name},
    )


_NUMBER = {"type": "integer", "default": 0, "minimum": 0}
_STEPS = (
    options.QUERY,
    Option(
        "key",
        {
            "type": ["string", "null"],
            "default": None,
            "description": "attention: whose key and value are shown; of what is looked at most if "
            "left out",
        },
    ),
    Option("head", {**_NUMBER, "description": "attention: the number of a head"}),
    options.WINDOW,
)
VALUES = "whether the values and the outputs Σ p_ij v_j are there too; takes one more pass"
VIEWS: dict[str, View] = {
    "projections": View(
        "Queries and keys",
        "attention map",
        lambda subject, site: no_projections(site),
        (Option("values", {"type": "boolean", "default": False, "description": VALUES}),),
    ),
    "features": View(
        "Feature map",
        "feature map",
        lambda subject, site: no_features(site),
        (Option("channel", {**_NUMBER, "description": "which channel, from 0"}),),
    ),
    "stream": View("Residual stream", "token length", no_stream),
    "steps": View("Step by step", "steps", options=_STEPS),
    "block": View("The block, step by step", "steps", no_stream, (options.QUERY,)),
}
"""Views of each kind of site that are not maps, by the last part of their address."""

MAPS_AT: dict[str, tuple[str, ...]] = {
    "attention": ("attention",),
    "gate": tuple(name for name, kind in SITE_KINDS.items() if "gate" in kind.views),
    "grid": ("grid",),
    "grid/warped": ("warped",),
}
"""Maps that have an address of their own under a site; others are under maps/, with `?site=`."""


# Attention --------------------------------------------------------------------------------------


def attention(
    analysis: Analysis,
    site: Site,
    query: str | None,
    direction: Direction,
    head: str,
    window: int | None,
) -> NamedArray:
    """A row ("from": where one token attends), a column ("to": who attends to it) or the whole
    matrix.
    """
    require(site, "attention")
    return of_made(attended(site, query, direction, head, window, analysis.sentence))


# Gates ------------------------------------------------------------------------------------------


def gate(site: Site) -> NamedArray:
    """The weight of each channel, or the mask over positions."""
    require(site, "gate")
    return of_made(gate_of(site))


def features(site: Site, channel: int) -> NamedArray:
    """One channel of the feature map before the gate."""
    kind = require(site, "features")
    kept = None if kind.features is None else kind.features(site)
    if kept is None:
        raise MapNotPossible(str(no_features(site)))
    if not 0 <= channel < kept.shape[1]:
        raise InvalidParameter(
            f"channel={channel} does not exist; site {site.id} has channels 0 to "
            f"{kept.shape[1] - 1}.",
            limit=kept.shape[1] - 1,
            actual=channel,
        )
    return NamedArray(
        as_array(kept[0, channel]),
        ("row", "column"),
        f"{titled(site)}: channel {channel} before the gate",
        about={"site": site.id, "channel": channel},
    )


# Spatial transformers ---------------------------------------------------------------------------


def sampling_grid(site: Site, trace: Trace | None = None) -> NamedArray:
    """For each output cell its source point (x, y), from −1 to 1.

    trace: the site's trace. If the site samples the output of another sampler without theta, the
    points on the original photo are added, as fractions of its size.
    """
    require(site, "grid")
    return of_made(grid_of(site, trace))


def warped(analysis: Analysis, site: Site) -> NamedArray:
    """The sampler's output as the network receives it: still normalised if it is an image."""
    require(site, "grid/warped")
    own = method("warped")
    made = own.make(subject_of(analysis), own.read({"site": site.id}))
    assert isinstance(made, Made)
    return of_made(made)


def as_picture(analysis: Analysis, array: NamedArray) -> NamedArray:
    """The sampler's output with normalisation undone, 0…1.

    Raises NotAcceptable if the output is a feature map rather than an image.
    """
    preprocessing = analysis.model.preprocessing
    if not array.about["picture"] or preprocessing is None:
        raise NotAcceptable(
            f"What site {array.about['site']} samples is no picture but {array.values.shape[0]} "
            "channels.",
            hint="Ask for its numbers: values=tensor as npy or JSON.",
        )
    std, mean = (
        np.asarray(one, np.float32)[:, None, None]
        for one in (preprocessing.std, preprocessing.mean)
    )
    values = array.values * std + mean
    if preprocessing.order == "bgr":
        values = values[::-1]  # an image is RGB, whatever order the network reads
    return replace(array, values=values, about={**array.about, "values_are": "picture"})
