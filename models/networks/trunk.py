"""Patches from a few ResNet stages instead of raw pixels.

The hybrid of Dosovitskiy et al. 2020, section 3.1: the patch projection is applied to the cells of
a CNN's feature map. A transformer alone learns little from few photos (section 4.3); convolutions
provide edges and textures (Xiao et al. 2021, "Early Convolutions Help Transformers See Better").
"""

import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.networks.gated_resnet import STAGE_CHANNELS, GatedResNet

STEM_STRIDE = 4


class TrunkPatches(nn.Module):
    """One feature map of a gated ResNet, or two concatenated at the resolution of the finer one.

    dim: channels of a patch · gate: a name in `GATES` · stages: indices of the stages to use, the
    finer one first; later stages are omitted.
    """

    def __init__(self, dim: int, gate: str, stages: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = stages
        self.stride = STEM_STRIDE * 2 ** stages[0]
        self.trunk = GatedResNet(gate)
        self.trunk.stages = self.trunk.stages[: stages[-1] + 1]
        self.trunk.head = nn.Identity()  # type: ignore[assignment]
        self.fine = nn.Conv2d(STAGE_CHANNELS[stages[0]], dim, 1)
        for stage in stages[1:]:
            self.deep = nn.Conv2d(STAGE_CHANNELS[stage], dim, 1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """x: (batch, 3, height, width); returns the map of each stage, the finer first."""
        x, maps = self.trunk.stem(x), []
        for number, stage in enumerate(self.trunk.stages):
            x = stage(x)
            if number in self.stages:
                maps.append(x)
        return maps

    def join(self, fine: Tensor, *deep: Tensor) -> Tensor:
        """Concatenates the maps: (batch, dim, height / stride, width / stride)."""
        joined: Tensor = self.fine(fine)
        for coarse in deep:
            joined = joined + F.interpolate(self.deep(coarse), size=fine.shape[2:], mode="nearest")
        return joined

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, height, width); returns (batch, dim, height / stride, width / stride)."""
        return self.join(*self.maps(x))
