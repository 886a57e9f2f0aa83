"""Along which axes of the map (channels, rows, columns) a factor varies."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fovea.models.kinds.axes import LAST, UNKNOWN, USUAL


@dataclass(frozen=True, eq=False, slots=True)
class Spread:
    """How a factor lies over a map, both as (batch, channel, row, column).

    varies: letters, of "chw", of the axes along which the factor has distinct values. tokens:
    whether the map was (batch, token, channel), with tokens in place of rows. order: where each
    axis of the network's own factor is. turned: whether the channels are between rows and columns,
    like tokens in (batch, head, token, head_dim).
    """

    varies: str
    factor: Tensor
    features: Tensor
    tokens: bool = False
    order: tuple[int, ...] = (0, 1, 2, 3)
    turned: bool = False

    def restored(self, changed: Tensor, factor: Tensor) -> Tensor:
        """Converts another factor, (batch, channel, row, column), to the network's layout."""
        back = [self.order.index(axis) for axis in range(4)]
        return changed.permute(back).reshape(without_expansion(factor).shape)


def without_expansion(factor: Tensor) -> Tensor:
    """`factor` with every expanded axis (stride 0) narrowed to one entry."""
    if 0 not in factor.stride():
        return factor
    for axis in range(factor.ndim):
        if factor.shape[axis] > 1 and factor.stride(axis) == 0:
            factor = factor.narrow(axis, 0, 1)
    return factor


def spread_of(factor: Tensor, features: Tensor, axes: str | None) -> Spread | None:
    """How a factor lies over a map; None if the shapes do not match or the axes are ambiguous.

    axes: the order of the map's axes, if known. Branches, (batch, branch, channel, row, column),
    are concatenated along channels.
    """
    factor = without_expansion(factor)
    if axes == UNKNOWN or features.ndim not in (3, 4, 5) or factor.ndim > features.ndim:
        return None
    if factor.ndim < features.ndim:
        factor = factor.reshape((1,) * (features.ndim - factor.ndim) + tuple(factor.shape))
    if features.ndim == 5:
        if factor.shape[1:3] != features.shape[1:3]:
            return None
        factor, features = factor.flatten(1, 2), features.flatten(1, 2)
    tokens = features.ndim == 3
    if tokens:  # tokens are in place of rows and columns
        factor, features = factor[:, :, None], features[:, :, None]
    own, whole = tuple(factor.shape), tuple(features.shape)
    if any(one not in (1, all_) for one, all_ in zip(own, whole, strict=True)):
        return None
    if axes is None:
        axes = _guessed(own[1:], whole[1:])
    varies = {axes[i - 1] for i in (1, 2, 3) if own[i] > 1}
    letters = "".join(letter for letter in USUAL if letter in varies)
    if axes == USUAL:
        return Spread(letters, factor, features, tokens)
    back = (0, *(axes.index(letter) + 1 for letter in USUAL))
    turned = axes not in (USUAL, LAST)
    return Spread(letters, factor.permute(back), features.permute(back), tokens, back, turned)


def _guessed(factor: tuple[int, ...], features: tuple[int, ...]) -> str:
    """Channels first, unless the factor varies along the last axis only: then channels last."""
    return LAST if factor[:2] == (1, 1) and factor[2] > 1 else USUAL
