"""The norms of a site's tokens in the residual stream, as a map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from fovea.models.capture.stream import Addition
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Map, Site, Trace


def stream_of(additions: Sequence[Addition], site: int) -> list[Addition]:
    """The streams that belong to the tokens of a site, given by index in the trace.

    Sentences can have equal lengths, and feature maps as many positions as there are tokens: a
    stream starts where positions are added to it, or where the vector size changes.
    """
    streams: list[list[Addition]] = [[]]
    for one in additions:
        own = streams[-1]
        begun = one.kind == "positions" and any(other.kind != "positions" for other in own)
        if begun or (own and own[-1].dim != one.dim):
            streams.append([])
        streams[-1].append(one)
    return next((own for own in streams if any(one.site == site for one in own)), [])


def token_lengths(additions: Sequence[Addition], trace: Trace, site: Site) -> Map:
    """The Euclidean norm of every patch token as it leaves a site's layer, (row, column).

    Measured after its attention and the following feed-forward layer were added. A few patches with
    much larger norms hold global information (Darcet et al. 2024, "Vision Transformers Need
    Registers", figure 3). prefix: norms of tokens without a place. Raises NotPossible if the site
    adds nothing to its tokens.
    """
    assert site.grid is not None
    index = trace.sites.index(site)
    own = [at for at, one in enumerate(additions) if one.site == index]
    if not own:
        raise NotPossible(f"what site {site.id} adds to its tokens could not be followed")
    left, *following = additions[own[-1] :]
    for one in takewhile(lambda one: one.kind == "feed-forward", following):
        left = one
    lengths = left.after
    values, rest = site.on_grid(lengths)
    return Map(
        values=values,
        axes=site.grid.axis_names,
        prefix=rest if len(rest) else None,
        sentence=f"How long the token of each patch is after layer {site.layer}",
        grid=site.grid,
    )
