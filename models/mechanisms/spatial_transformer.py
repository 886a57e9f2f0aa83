"""The spatial transformer (Jaderberg et al. 2015, "Spatial Transformer Networks")."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialTransformer(nn.Module):
    """Reads its input through an affine sampling grid that it chooses itself.

    Localisation network → theta (2 x 3) → grid generator, equation 1 → bilinear sampler,
    equation 5. Points are (x, y) on -1..1 across the input, the middle of the edge pixels lying
    half a pixel inside; what theta reads from outside the input is zero.

    localisation: any module from (batch, channel, height, width) to (batch, features) ·
    features: how many it gives · output_size: (height, width) of what is sampled.
    """

    def __init__(
        self, localisation: nn.Module, features: int, output_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.localisation = localisation
        self.theta = nn.Linear(features, 6)
        self.output_size = output_size
        # Start by sampling the whole input as it is: weights zero, bias the identity.
        nn.init.zeros_(self.theta.weight)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def locate(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns theta (batch, 2, 3)."""
        theta: Tensor = self.theta(self.localisation(x)).view(-1, 2, 3)
        return theta

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns (batch, channel, *output_size)."""
        return self.sample(x, self.locate(x))

    def sample(self, x: Tensor, theta: Tensor) -> Tensor:
        """What x shows through the grid of theta: (batch, channel, *output_size)."""
        shape = [x.shape[0], x.shape[1], *self.output_size]
        # Sampling points need full precision: bfloat16 cannot tell neighbouring pixels apart.
        grid = F.affine_grid(theta.float(), shape, align_corners=False)
        sampled = F.grid_sample(x.float(), grid, mode="bilinear", align_corners=False)
        return sampled.to(x.dtype)
