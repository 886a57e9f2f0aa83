"""The reach of a ViT's attention in each layer, compared with the growth of a CNN's receptive
field.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.maps.statistics import attention_distance, cell_centres, distances
from fovea.models.networks.cifar_resnet import STAGE_BLOCKS, STAGE_CHANNELS, CifarResNet
from fovea.models.running.inference import run
from training.claims.claim import Claim
from training.claims.small import residual, vit
from training.loop.task import Task

PHOTOS = 128


def attention_distances(network: nn.Module, inputs: Tensor) -> Iterator[Tensor]:
    """For every attention over all patches, in order: (head,), averaged over photos, in px.

    inputs: (photo, channel, height, width); the distance is that of fovea.models.maps.statistics.
    """
    _, traces = run(network, inputs)
    for sites in zip(*(trace.sites for trace in traces), strict=True):
        layout = sites[0].layout
        if not sites[0].attends or sites[0].grid is None or layout is None:
            continue
        input_px = inputs.shape[2], inputs.shape[3]
        reached = [attention_distance(site.attention, layout, input_px) for site in sites]
        yield torch.stack(reached).mean(dim=0)


def head_figures(name: str, network: nn.Module, inputs: Tensor) -> dict[str, float]:
    """The smallest, mean and largest head distance of every layer, in px; figure names begin with
    name.
    """
    figures: dict[str, float] = {}
    for number, heads in enumerate(attention_distances(network, inputs), start=1):
        figures[f"{name}layer_{number}_nearest_head_px"] = heads.min().item()
        figures[f"{name}layer_{number}_mean_head_px"] = heads.mean().item()
        figures[f"{name}layer_{number}_farthest_head_px"] = heads.max().item()
    return figures


def gradient_distances(network: nn.Module, inputs: Tensor) -> Iterator[float]:
    """After every block: the distance in px of the pixels that its central position depends on.

    The mean distance from the centre, weighted by the absolute gradient of that position's features
    with respect to the pixels: the effective receptive field (Luo et al. 2016) as a single figure.
    """
    photos = inputs.detach().clone().requires_grad_()
    across = torch.stack(
        torch.meshgrid(*(torch.arange(size) for size in inputs.shape[2:]), indexing="ij"), dim=-1
    ).to(inputs.device)
    with torch.enable_grad():
        for features in network.feature_maps(photos):  # type: ignore[operator]
            middle = [size // 2 for size in features.shape[2:]]
            place = features[:, :, middle[0], middle[1]].sum()
            (gradient,) = torch.autograd.grad(place, photos, retain_graph=True)
            centre = [
                (index + 0.5) * whole / size - 0.5
                for index, whole, size in zip(
                    middle, inputs.shape[2:], features.shape[2:], strict=True
                )
            ]
            distance = (across - torch.tensor(centre, device=inputs.device)).square().sum(2).sqrt()
            weight = gradient.abs().sum(dim=1)
            yield ((weight * distance).sum() / weight.sum()).item()


def theoretical_widths() -> list[int]:
    """The side in px of the theoretical receptive field after each of the CNN's blocks.

    Each 3x3 convolution adds two of its input's steps; a step doubles at each strided block.
    """
    side, step, widths = 3, 1, []  # the stem
    for stage in range(len(STAGE_CHANNELS)):
        for block in range(STAGE_BLOCKS):
            side += 2 * step
            if stage > 0 and block == 0:
                step *= 2
            side += 2 * step
            widths.append(side)
    return widths


def uniform_distance(network: nn.Module, inputs: Tensor) -> float:
    """A head's distance under uniform attention, in px."""
    rows, columns = network.grid_size  # type: ignore[misc]
    centres = cell_centres(PatchGrid(rows, columns), (inputs.shape[2], inputs.shape[3]))
    return distances(centres, centres).mean().item()


def reach(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """The distances of every layer on held-out photos; `layer_1` is the first."""
    # A few photos: the CPU is fast enough, and gives the same figures everywhere.
    inputs = next(iter(task.held_out()))[0][:PHOTOS].cpu()  # type: ignore[attr-defined]
    network = network.cpu().eval().requires_grad_(False)
    figures: dict[str, float] = {}
    for number, distance in enumerate(gradient_distances(network, inputs), start=1):
        figures[f"layer_{number}_gradient_px"] = distance
    if isinstance(network, CifarResNet):
        for number, width in enumerate(theoretical_widths(), start=1):
            figures[f"layer_{number}_window_px"] = float(width)
        return figures
    figures["uniform_attention_px"] = uniform_distance(network, inputs)
    return figures | head_figures("", network, inputs)


CLAIM = Claim(
    id="receptive_field",
    sentence="Some heads of a ViT look across the whole picture from the first layers on; a CNN's "
    "receptive field grows slowly with depth.",
    source="Dosovitskiy et al. 2020, section 4.5 and figure 7; Luo et al. 2016",
    variants={"vit": vit(), "resnet": residual()},
    measure=reach,
)
