"""The spatial transformers that a site reads through, and where its points lie on the photo.

A transformer inside a network reads the output of an earlier one (Jaderberg et al. 2015, section
3.4); one that looks several times reads the same input each time (Lin and Lucey 2017).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.kinds.warp.signature import KIND
from fovea.models.records import Sampling, Site, Trace


def read_through(trace: Trace, site: Site) -> tuple[Site, ...]:
    """The spatial transformers through which the site sees the photo, outermost first.

    These are the earlier ones in execution order, except that samplers of equal inputs are
    parallel: neither reads the other's output, and a later one reads the last of them.
    """
    chain: tuple[Site, ...] = ()
    found: list[tuple[Site, tuple[Site, ...]]] = []  # each sampler, what it reads through
    for candidate in trace.sites:
        if candidate.kind == KIND:
            chain = next((own for other, own in found if _alike(other, candidate)), chain)
            found.append((candidate, chain))
        if candidate.id == site.id:
            return chain
        if candidate.kind == KIND:
            chain = (*chain, candidate)
    raise ValueError(f"the trace has no site {site.id}")


def _alike(one: Site, other: Site) -> bool:
    """Whether two samplers read the same input."""
    return torch.equal(one.sampling.input, other.sampling.input)


def points_read(sampling: Sampling, earlier: Sequence[Sampling] = ()) -> Tensor:
    """(row, column, xy): the source of each output cell, as fractions of the original image.

    earlier: the samplers that it reads through, outermost first. A point on the output of one of
    them was read at θ·(x, y, 1) (equation 1), or, without θ, is interpolated between that sampler's
    points. Fractions run from 0 to 1, edge to edge.
    """
    points = _shares(sampling.grid[0].double(), sampling)
    for sampler in reversed(earlier):
        points = _shares(_read_at(sampler, points), sampler)
    return points


def _shares(points: Tensor, sampling: Sampling) -> Tensor:
    """Converts −1…1 on a sampler's input, in its convention, to fractions of the input."""
    if not sampling.align_corners:
        return (points + 1) / 2
    counts = _counts(sampling.input.shape[2:], points)
    return ((points + 1) / 2 * (counts - 1) + 0.5) / counts


def _read_at(sampling: Sampling, shares: Tensor) -> Tensor:
    """Where a sampler read points of its output, given as fractions: (x, y) on −1…1 of its
    input.
    """
    at = shares * 2 - 1
    if sampling.align_corners:
        counts = _counts(sampling.grid.shape[1:3], shares)
        at = (shares * counts - 0.5) / (counts - 1).clamp(min=1) * 2 - 1
    if sampling.theta is not None:
        theta = sampling.theta[0].to(at)
        return at @ theta[:, :2].T + theta[:, 2]
    grid = sampling.grid[:1].to(at).permute(0, 3, 1, 2)
    between = F.grid_sample(
        grid, at[None], padding_mode="border", align_corners=sampling.align_corners
    )
    return between[0].permute(1, 2, 0)


def _counts(size: Sequence[int], like: Tensor) -> Tensor:
    rows, columns = size
    return torch.tensor([columns, rows]).to(like)
