"""What can be read off an analysis: (Analysis, what is asked) → NamedArray, computed on demand.

Layers, heads, channels, rows, columns and tokens are counted from 0, here and in the sentences.
"""

from __future__ import annotations

from torch import Tensor

from fovea.models.methods.base import Made
from fovea.models.methods.gates import gate_map
from fovea.models.methods.grid import sampling_grid as grid_of
from fovea.models.methods.making.attending import attended
from fovea.models.methods.making.queries import Direction
from fovea.models.methods.registry import method
from fovea.models.records import Site
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.answers.subject import subject_of
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter, MapNotPossible, WrongKind


def as_array(tensor: Tensor) -> Array:
    """float32 on the CPU; whole numbers stay what they are."""
    kept = tensor.detach().cpu()
    array: Array = (kept.float() if kept.is_floating_point() else kept).numpy()
    return array


def of_made(made: Made) -> NamedArray:
    """A map as what is sent."""
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
    )


def require(site: Site, *kinds: str) -> None:
    """Raises WrongKind unless the site is of one of these kinds."""
    if site.kind not in kinds:
        raise WrongKind(
            f"Site {site.id} ({site.name}) is of the kind {site.kind}, not {' or '.join(kinds)}.",
            valid=list(kinds),
        )


# Attention --------------------------------------------------------------------------------------


def attention(
    analysis: Analysis,
    site: Site,
    query: str | None,
    direction: Direction,
    head: str,
    window: int | None,
) -> NamedArray:
    """A row ("from": what it looks at), a column ("to": what looks at it) or the whole matrix."""
    require(site, "attention")
    return of_made(attended(site, query, direction, head, window, analysis.sentence))


# Gates ------------------------------------------------------------------------------------------


def gate(site: Site) -> NamedArray:
    """The weight of each channel, or the mask over places."""
    require(site, "channel-gate", "spatial-gate")
    return of_made(Made(gate_map(site), {"site": site.id}))


def features(site: Site, channel: int) -> NamedArray:
    """The feature map of one channel, before the gate."""
    require(site, "channel-gate", "spatial-gate")
    kept = site.gate.features
    if kept is None:
        raise MapNotPossible(f"The feature maps of site {site.id} were not kept.")
    if not 0 <= channel < kept.shape[1]:
        raise InvalidParameter(
            f"channel={channel} does not exist; site {site.id} has channels 0 to "
            f"{kept.shape[1] - 1}.",
            limit=kept.shape[1] - 1,
            actual=channel,
        )
    kind = site.kind.replace("-", " ").capitalize()
    return NamedArray(
        as_array(kept[0, channel]),
        ("row", "column"),
        f"{kind} {site.layer}: channel {channel} before the gate",
        about={"site": site.id, "channel": channel},
    )


# Spatial transformers ---------------------------------------------------------------------------


def sampling_grid(site: Site) -> NamedArray:
    """For each output cell the source point (x, y), −1…1."""
    require(site, "spatial-transformer")
    return of_made(grid_of(site))


def warped(analysis: Analysis, site: Site) -> NamedArray:
    """What the sampler gave; where it is a picture in 0…1, its normalisation undone."""
    require(site, "spatial-transformer")
    own = method("warped")
    made = own.make(subject_of(analysis), own.read({"site": site.id}))
    assert isinstance(made, Made)
    return of_made(made)
