"""Views of a photo: a crop box and a flip, resampled for a whole batch at once."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from training.examples.data import CANVAS_PX

CROP_PX = 112


def centre_boxes(count: int) -> Tensor:
    """The evaluation crop: the centre CROP_PX of the CANVAS_PX square.

    Boxes are (box, 4): centre x, centre y, half width, half height, where the canvas
    spans -1..1, as `affine_grid` counts.
    """
    half = CROP_PX / CANVAS_PX
    return torch.tensor([0.0, 0.0, half, half]).repeat(count, 1)


def random_boxes(count: int, smallest_area: float, generator: torch.Generator) -> Tensor:
    """Random resized crops (Szegedy et al. 2015): area and aspect ratio, then place; (count, 4)."""
    uniform = torch.rand((count, 4), generator=generator)
    area = smallest_area + (1 - smallest_area) * uniform[:, 0]
    log_ratio = math.log(4 / 3) * (2 * uniform[:, 1] - 1)
    half_width = (area * log_ratio.exp()).sqrt().clamp(max=1)
    half_height = (area / log_ratio.exp()).sqrt().clamp(max=1)
    centre_x = (2 * uniform[:, 2] - 1) * (1 - half_width)
    centre_y = (2 * uniform[:, 3] - 1) * (1 - half_height)
    return torch.stack([centre_x, centre_y, half_width, half_height], dim=1)


def resample(images: Tensor, boxes: Tensor, size_px: int, mode: str = "bilinear") -> Tensor:
    """Cuts each picture's box and resamples it to size_px x size_px.

    images: uint8 or float (batch, channel, height, width); returns float on the same scale.
    """
    theta = torch.zeros(len(boxes), 2, 3, device=images.device)
    theta[:, 0, 0], theta[:, 0, 2] = boxes[:, 2], boxes[:, 0]
    theta[:, 1, 1], theta[:, 1, 2] = boxes[:, 3], boxes[:, 1]
    shape = [len(boxes), images.shape[1], size_px, size_px]
    grid = F.affine_grid(theta, shape, align_corners=False)
    return F.grid_sample(
        images.float(), grid, mode=mode, padding_mode="reflection", align_corners=False
    )


def normalise(pictures: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pictures on 0..255 to zero mean and unit deviation; mean and std are on 0..1, per channel."""
    shape = (1, -1, 1, 1)
    return (pictures / 255).sub(mean.view(shape)).div(std.view(shape))


def jitter(pictures: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Random brightness, contrast and saturation, each a factor within 1 ± strength."""
    factors = 1 + strength * (2 * torch.rand((3, len(pictures), 1, 1, 1), generator=generator) - 1)
    brightness, contrast, saturation = factors.to(pictures.device).unbind(0)
    grey = pictures.mean(dim=1, keepdim=True)
    level = grey.mean(dim=(2, 3), keepdim=True)
    pictures = grey + saturation * (pictures - grey)
    pictures = level + contrast * (pictures - level)
    return (brightness * pictures).clamp(0, 255)
