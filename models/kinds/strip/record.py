"""The record of two strips that gate a map together."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fovea.models.records import Site, Tensors


@dataclass(frozen=True, slots=True, repr=False)
class Strips(Tensors):
    """Two factors, one along each axis: y(i, j) = x(i, j) · rows(i) · columns(j).

    rows: (batch, channel, row, 1), columns: (batch, channel, 1, column), each with a single channel
    if all share it. features: (batch, channel, row, column), the map before both, if capture was
    asked to keep it. low, high: bounds of their product for every photo.

    Hou et al. 2021, "Coordinate Attention", equation 9.
    """

    rows: Tensor
    columns: Tensor
    features: Tensor | None = None
    low: float = 0.0
    high: float = 1.0

    @property
    def product(self) -> Tensor:
        """(batch, channel, row, column): the combined factor."""
        return self.rows * self.columns

    @property
    def size(self) -> str:
        return f"{self.rows.shape[1]}×({self.rows.shape[2]} + {self.columns.shape[3]})"

    @property
    def channels(self) -> int | None:
        if self.features is not None:
            return self.features.shape[1]
        return max(self.rows.shape[1], self.columns.shape[1])

    @property
    def map_size(self) -> tuple[int, int] | None:
        return self.rows.shape[2], self.columns.shape[3]

    @property
    def bounds(self) -> tuple[float, float] | None:
        return self.low, self.high


def strips_of(site: Site) -> Strips:
    """The strips of a site; raises TypeError for another kind of site."""
    if not isinstance(site.tensors, Strips):
        raise TypeError(f"site {site.id} is a {site.kind}, not a strip gate")
    return site.tensors
