"""The project's records: what capture keeps, maps read, and the server shows.

Every record is frozen. Shapes are written in words; spatial order is (row, column), points are (x,
y). This module imports only torch and how records show themselves, so that every other module may
import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from fovea.models import showing
from fovea.models.grids import Layout, PatchGrid

Kind = str
"""The kind of a site, by its name in `models/kinds/registry.py`; each kind is a different claim and
is never drawn as another one.
"""


class UnknownSite(LookupError):
    """A site id that is not in the trace. The message lists the valid ids."""

    def __init__(self, site: str, known: Iterable[str]) -> None:
        self.site, self.known = site, tuple(known)
        super().__init__(f"unknown site {site!r}; this trace has {', '.join(self.known) or 'none'}")


class Tensors(showing.Short):
    """The tensors taken at a site. Each kind of site has its own subclass, which defines the
    applicable properties.

    heads, queries, keys: of an attention · channels: that a gate acts on, or a sampler carries ·
    map_size: (rows, columns) of the feature map that it acts on · bounds: (low, high) of a factor,
    infinite if unknown.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def heads(self) -> int | None:
        return None

    @property
    def queries(self) -> int | None:
        return None

    @property
    def keys(self) -> int | None:
        return None

    @property
    def channels(self) -> int | None:
        return None

    @property
    def map_size(self) -> tuple[int, int] | None:
        return None

    @property
    def bounds(self) -> tuple[float, float] | None:
        return None

    @property
    def size(self) -> str:
        """The size of what was taken, as text, without the batch: "64×1×1"."""
        return "×".join(map(str, next(iter(_fields(self).values())).shape[1:]))


@dataclass(frozen=True, slots=True, repr=False)
class Attention(Tensors):
    """The ingredients of a softmax attention, before any N×N matrix is computed.

    query: (batch, head, query, head_dim), key: (batch, head, key, head_dim): the arguments of a
    fused kernel. mask: broadcastable to (batch, head, query, key); boolean (True = visible) or
    additive. scale: the factor on query·key. causal: a query sees only keys up to its own position.

    probabilities: (batch, head, query, key), instead of query and key if the network computed the
    matrix itself (Swin, BoTNet, …); mask and bias are included in it.

    If gradients of a target were requested: value: (batch, head, key, head_dim) and
    output_gradient: (batch, head, query, head_dim), ∂target/∂(A·V), from which ∂target/∂A follows;
    or probabilities_gradient: (batch, head, query, key) itself.

    Vaswani et al. 2017, eq. 1, with scale = 1/√d_k unless the network chose another.
    """

    query: Tensor | None = None
    key: Tensor | None = None
    mask: Tensor | None = None
    scale: float = 1.0
    causal: bool = False
    probabilities: Tensor | None = None
    value: Tensor | None = None
    output_gradient: Tensor | None = None
    probabilities_gradient: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, head, query, key)"""
        if self.probabilities is not None:
            batch, heads, queries, keys = self.probabilities.shape
            return batch, heads, queries, keys
        assert self.query is not None
        assert self.key is not None
        batch, heads, queries, _ = self.query.shape
        return batch, heads, queries, self.key.shape[2]

    @property
    def heads(self) -> int | None:
        return self.shape[1]

    @property
    def queries(self) -> int | None:
        return self.shape[2]

    @property
    def keys(self) -> int | None:
        return self.shape[3]

    @property
    def factored(self) -> bool:
        """Whether query and key alone determine every row (no mask, no explicit matrix)."""
        return self.probabilities is None and self.mask is None and not self.causal


@dataclass(frozen=True, slots=True, repr=False)
class Gate(Tensors):
    """A factor on channels or positions.

    values: (batch, channel, 1, 1) for a channel gate, (batch, 1, row, column) for a spatial gate,
    (batch, channel, row, column) if each channel has its own mask. features: (batch, channel, row,
    column), the maps before the gate, if capture was asked to keep them. low, high: bounds that
    hold for every photo, infinite if unknown; usually 0 and 1.
    """

    values: Tensor
    features: Tensor | None = None
    low: float = 0.0
    high: float = 1.0

    @property
    def channels(self) -> int | None:
        if self.features is not None:
            return self.features.shape[1]
        return self.values.shape[1] if self.values.shape[1] > 1 else None

    @property
    def map_size(self) -> tuple[int, int] | None:
        known = self.features if self.values.shape[2:].numel() == 1 else self.values
        return None if known is None else (known.shape[2], known.shape[3])

    @property
    def bounds(self) -> tuple[float, float] | None:
        return self.low, self.high


@dataclass(frozen=True, slots=True, repr=False)
class Sampling(Tensors):
    """A spatial transformer (Jaderberg et al. 2015, eq. 1 and 3).

    theta: (batch, 2, 3), the affine map from output to source coordinates, both normalised to −1…1;
    None if the points are displaced otherwise (a thin-plate spline, a flow). grid: (batch, row,
    column, 2), for each output cell the source point (x, y), normalised to −1…1. input: (batch,
    channel, row, column), the sampled map; output: (batch, channel, row, column), the result.
    align_corners: whether ±1 are the centres (True) or the outer edges (False) of the corner cells,
    as passed to the sampler.
    """

    theta: Tensor | None
    grid: Tensor
    input: Tensor
    output: Tensor
    align_corners: bool = False

    @property
    def channels(self) -> int | None:
        return self.input.shape[1]

    @property
    def size(self) -> str:
        return "×".join(map(str, self.grid.shape[1:]))


@dataclass(frozen=True, slots=True, repr=False)
class Site(showing.ShortSite):
    """One place in a network where something attends.

    id: "s00", "s01", … in execution order. layer: index among the sites of the same kind. name:
    path of the module that computed it. grid: the cells on the network input that the tokens or the
    feature map stand for, or None if positions are unknown; then `note` says why. prefix_tokens,
    suffix_tokens: tokens without a position before the first and after the last patch token: class,
    distillation, register and detection tokens.
    """

    id: str
    kind: Kind
    layer: int
    name: str
    tensors: Tensors
    grid: PatchGrid | None = None
    prefix_tokens: int = 0
    note: str | None = None
    layout: Layout | None = None
    suffix_tokens: int = 0

    @property
    def attends(self) -> bool:
        """Whether it is attention, with queries and keys."""
        return isinstance(self.tensors, Attention)

    @property
    def attention(self) -> Attention:
        if not isinstance(self.tensors, Attention):
            raise TypeError(f"site {self.id} is a {self.kind}, not an attention")
        return self.tensors

    @property
    def gate(self) -> Gate:
        if not isinstance(self.tensors, Gate):
            raise TypeError(f"site {self.id} is a {self.kind}, not a gate on channels or places")
        return self.tensors

    @property
    def sampling(self) -> Sampling:
        if not isinstance(self.tensors, Sampling):
            raise TypeError(f"site {self.id} is a {self.kind}, not a spatial transformer")
        return self.tensors

    def on_grid(self, line: Tensor) -> tuple[Tensor, Tensor]:
        """Splits values of its tokens, (…, token), into those on its grid, (…, row, column) or with
        a depth (…, depth, row, column), and those of the tokens before and after the patches, (…,
        token).

        Raises ValueError if the site has no grid, or another number of tokens.
        """
        grid, prefix = self.grid, self.prefix_tokens
        if grid is None or line.shape[-1] != prefix + grid.cells + self.suffix_tokens:
            raise ValueError(f"site {self.id} has no grid for {line.shape[-1]} tokens")
        end = prefix + grid.cells
        before, after = line[..., :prefix], line[..., end:]
        rest = torch.cat((before, after), -1) if self.suffix_tokens else before
        return line[..., prefix:end].unflatten(-1, grid.shape), rest

    @property
    def heads(self) -> int | None:
        return self.tensors.heads

    @property
    def queries(self) -> int | None:
        return self.tensors.queries

    @property
    def keys(self) -> int | None:
        return self.tensors.keys

    @property
    def channels(self) -> int | None:
        """Channels that the gate acts on, or that the sampler carries."""
        return self.tensors.channels


def _fields(tensors: Tensors) -> dict[str, Tensor]:
    values = {name: getattr(tensors, name) for name in tensors.__dataclass_fields__}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _photo(tensors: Tensors, index: int, photos: int) -> Tensors:
    """The part of `tensors` that belongs to one photo of a batch.

    Networks with windows fold them into the batch, grouped by photo; so the share of one photo is a
    run of batch/photos rows. A tensor with fewer rows than photos is shared by all of them.
    """
    parts: dict[str, Any] = {}
    for name, tensor in _fields(tensors).items():
        share = tensor.shape[0] // photos
        if share and photos > 1:
            # A copy, so that one photo's trace does not keep the whole batch alive.
            parts[name] = tensor[index * share : (index + 1) * share].clone()
    return replace(tensors, **parts)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A computation that resembles attention, a gate or a sampler but is not a site.

    what: which of them, or a part of the network that cannot be inspected. module: path of the
    module that computed it. file, line: in the source, "" and 0 if unknown. operation: the function
    that was called. reason: why it is not a site, a sentence. times: how often in the pass.
    """

    what: Literal["attention", "gate", "sampler", "part"]
    module: str
    file: str
    line: int
    operation: str
    reason: str
    times: int = 1

    def __str__(self) -> str:
        where = self.module or "the network"
        if self.file:
            where += f" ({self.file}:{self.line})"
        often = f"{self.times} × " if self.times > 1 else ""
        return f"{often}{self.what} in {where}, {self.operation}: {self.reason}"


@dataclass(frozen=True, slots=True, repr=False)
class Trace(showing.Sites):
    """All sites of one forward pass, in execution order, and unrecognised computations."""

    sites: tuple[Site, ...]
    unseen: tuple[Unseen, ...] = ()

    def site(self, site: str) -> Site:
        """The site with this id; raises UnknownSite, which lists the valid ones."""
        for candidate in self.sites:
            if candidate.id == site:
                return candidate
        raise UnknownSite(site, (candidate.id for candidate in self.sites))

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the trace keeps alive; shared storage counts once."""
        storages = {
            (storage := tensor.untyped_storage()).data_ptr(): storage.nbytes()
            for site in self.sites
            for tensor in _fields(site.tensors).values()
        }
        return sum(storages.values())

    def split(self, photos: int) -> tuple[Trace, ...]:
        """One trace a photo, for a forward pass over a batch of `photos`."""
        if photos < 1:
            raise ValueError(f"a batch has at least one photo, not {photos}")
        return tuple(
            Trace(
                tuple(
                    replace(site, tensors=_photo(site.tensors, index, photos))
                    for site in self.sites
                ),
                self.unseen,
            )
            for index in range(photos)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Map(showing.Picture):
    """Something to draw: raw values, never normalised here.

    values: axes as named, for example (row, column) or (head, row, column). prefix: values of the
    tokens before and after the patches, (token,) or (head, token), which have no position to be
    drawn at. sentence: describes what is drawn. grid: positions of the cells; None if they divide
    the whole input evenly, or if there are none.
    """

    values: Tensor
    axes: tuple[str, ...]
    prefix: Tensor | None
    sentence: str
    grid: PatchGrid | None = None
