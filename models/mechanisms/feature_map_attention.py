"""Self-attention on a feature map (Zhang et al. 2019, "SAGAN"; Wang et al. 2018, "Non-local")."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


class FeatureMapAttention(nn.Module):
    """Every position of a feature map attends to every other; y = γ o + x, equation 3.

    f, g and h are 1x1 convolutions of x, to channels / 8 for f and g and to all channels for h.
    β_ji = softmax over i of f(x_i)ᵀ g(x_j), equation 1: how much position j attends to position i,
    so g gives the queries, f the keys and h the values, without the usual 1/sqrt(d). o_j = Σ_i β_ji
    h(x_i), equation 2; the paper's outer v is folded into h, as C̄ = C here. γ starts at 0, so the
    layer begins as the identity.

    spectral: normalise the weights by their largest singular value while training (Miyato et al.
    2018). A trained layer is exported with the weights folded, see `fold_spectral_norm`.
    """

    def __init__(self, channels: int, reduction: int = 8, spectral: bool = False) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction {reduction} is not within 1..{channels}, the channels")
        self.f = nn.Conv2d(channels, channels // reduction, 1)
        self.g = nn.Conv2d(channels, channels // reduction, 1)
        self.h = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        if spectral:
            for convolution in (self.f, self.g, self.h):
                spectral_norm(convolution)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, channel, height, width); returns the same shape."""
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2).unsqueeze(1) for layer in (self.g, self.f, self.h)
        )
        # One head; scale 1 makes the fused kernel compute exactly equation 1.
        looked = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return self.gamma * looked.squeeze(1).transpose(1, 2).reshape(x.shape) + x


def fold_spectral_norm(network: nn.Module) -> nn.Module:
    """Replaces the parametrised weights by the normalised ones; returns the network itself.

    Outputs in evaluation mode do not change, and the state dict becomes a plain one.
    """
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    return network
