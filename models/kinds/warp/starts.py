"""The functions at which sampling begins, with their handlers."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from fovea.models.kinds.spellings import Handlers
from fovea.models.kinds.warp import signature

STARTS: Handlers = {
    F.affine_grid: signature.on_affine_grid,
    F.grid_sample: signature.on_grid_sample,
    **dict.fromkeys(
        [
            *(torch.grid_sampler, torch.grid_sampler_2d),
            *(torch.ops.aten.grid_sampler, torch.ops.aten.grid_sampler.default),
            *(torch.ops.aten.grid_sampler_2d, torch.ops.aten.grid_sampler_2d.default),
        ],
        signature.on_grid_sampler,
    ),
}
