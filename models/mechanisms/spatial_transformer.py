"""The spatial transformer (Jaderberg et al. 2015, "Spatial Transformer Networks").

Also its iterated form (Lin and Lucey 2017, "Inverse Compositional Spatial Transformer Networks").
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialTransformer(nn.Module):
    """Samples its input through an affine grid that it predicts.

    Localisation network → theta (2 x 3) → grid generator, equation 1 → bilinear sampler, equation
    5. Points are (x, y) on -1..1 across the input, with the centres of edge pixels half a pixel
    inside; points outside the input read zero.

    localisation: any module from (batch, channel, height, width) to (batch, features) · features:
    its output size · output_size: (height, width) of the sampled output.
    """

    def __init__(
        self, localisation: nn.Module, features: int, output_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.localisation = localisation
        self.theta = nn.Linear(features, 6)
        self.output_size = output_size
        # Initially samples the whole input unchanged: weights zero, bias the identity.
        nn.init.zeros_(self.theta.weight)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def locate(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns theta (batch, 2, 3)."""
        return self.read(self.localisation(x))

    def read(self, features: Tensor) -> Tensor:
        """features: (batch, features), from the localisation network; returns theta (batch,
        2, 3).
        """
        theta: Tensor = self.theta(features).view(-1, 2, 3)
        return theta

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns (batch, channel, *output_size)."""
        return self.sample(x, self.locate(x))

    def sample(self, x: Tensor, theta: Tensor) -> Tensor:
        """Samples x through the grid of theta: (batch, channel, *output_size)."""
        shape = [x.shape[0], x.shape[1], *self.output_size]
        # Sampling points need full precision: bfloat16 cannot tell neighbouring pixels apart.
        grid = F.affine_grid(theta.float(), shape, align_corners=False)
        sampled = F.grid_sample(x.float(), grid, mode="bilinear", align_corners=False)
        return sampled.to(x.dtype)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """The theta of a window inside a window: outer ∘ inner, both (batch, 2, 3).

    A point of the inner window is mapped by `inner` to the outer one, and by `outer` to the input.
    """
    turned = outer[:, :, :2] @ inner
    return torch.cat([turned[:, :, :2], turned[:, :, 2:] + outer[:, :, 2:]], dim=2)


class Glimpse(NamedTuple):
    """The result of one look at the input.

    features: (batch, features), of its localisation network · theta: (batch, 2, 3), of its window
    on the input · window: (batch, channel, *output_size), the sampled output.
    """

    features: Tensor
    theta: Tensor
    window: Tensor


class Look(SpatialTransformer):
    """A spatial transformer that refines the window of a previous one, if there is one."""

    def forward(self, x: Tensor, last: Glimpse | None = None) -> Glimpse:  # type: ignore[override]
        """x: (batch, channel, height, width) · last: the previous look's result."""
        features: Tensor = self.localisation(x if last is None else last.window.detach())
        theta = self.read(features)
        if last is not None:
            theta = compose(last.theta.detach(), theta)
        return Glimpse(features, theta, self.sample(x, theta))


class ComposedSpatialTransformer(nn.Module):
    """Looks several times: every look sees the previous window and refines it.

    Theta is passed on, not the sampled picture (Lin and Lucey 2017, section 4): every window is
    read from the input itself, so nothing that an early look cut off or blurred is lost. In the
    paper all looks share one network; here each has its own, as the first has to find the object
    and the others only correct it. Each look is trained through its own window only: no gradient
    flows back through the window that it received.

    looks: by name, in order.
    """

    def __init__(self, looks: Mapping[str, Look]) -> None:
        super().__init__()
        self.looks = nn.ModuleDict(looks)

    def glimpses(self, x: Tensor) -> list[Glimpse]:
        """x: (batch, channel, height, width); returns the result of each look."""
        found: list[Glimpse] = []
        for look in self.looks.values():
            found.append(look(x, found[-1] if found else None))
        return found

    def locate(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the last look's theta (batch, 2, 3)."""
        return self.glimpses(x)[-1].theta

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns (batch, channel, *output_size)."""
        return self.glimpses(x)[-1].window
