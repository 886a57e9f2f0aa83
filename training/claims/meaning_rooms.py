"""Whether wall cells attend to walls; the ground truth is known because the rooms are drawn.

python -m training.claims.meaning_rooms prints the figures of the bundled network.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.kinds.attention.rows import rows
from fovea.models.places.layout import survey
from fovea.models.records import Site
from fovea.models.running.inference import run
from training.claims.results import write_figures
from training.examples.rooms.collection import HELD_OUT_FROM, draw_rooms
from training.loop.export import load_network
from training.loop.task import Task
from training.recipes import sa_unet
from training.tasks.segmentation import RoomTask

ROOMS = 100
"""Number of held-out rooms."""

SPREAD = 0.25
"""Standard deviation of the Gaussian baselines, as a fraction of the picture's width."""

PURE = 0.5
"""A cell counts as wall above this fraction of wall pixels."""


def wall_shares(walls: Tensor, grid: PatchGrid) -> Tensor:
    """The fraction of wall in each cell: walls (height, width) to (cell,), on 0..1."""
    shares = F.adaptive_avg_pool2d(walls[None].double(), (grid.rows, grid.columns))
    return shares.flatten()


def gaussians(centres: Tensor, grid: PatchGrid) -> Tensor:
    """Gaussian attention around given points: (centre, cell), each row summing to 1.

    centres: (centre, 2), row and column on 0..1.
    """
    rows_, columns = (
        (torch.arange(count, dtype=torch.float64, device=centres.device) + 0.5) / count
        for count in (grid.rows, grid.columns)
    )
    down = rows_[None, :, None] - centres[:, 0, None, None]
    across = columns[None, None, :] - centres[:, 1, None, None]
    weights = torch.exp(-(down**2 + across**2) / (2 * SPREAD**2)).flatten(1)
    return weights / weights.sum(dim=1, keepdim=True)


def cell_centres(grid: PatchGrid, device: torch.device) -> Tensor:
    """(cell, 2): row and column on 0..1."""
    cells = torch.arange(grid.cells, device=device)
    row, column = cells // grid.columns, cells % grid.columns
    return torch.stack([(row + 0.5) / grid.rows, (column + 0.5) / grid.columns], dim=1).double()


def looking(attention: Tensor, shares: Tensor, grid: PatchGrid) -> dict[str, float]:
    """How much of the attention of wall cells falls on wall, compared with baselines.

    attention: (query, key), rows summing to 1 · shares: (cell,). Empty if no cell is wall.

    mass: attention of wall cells on wall, averaged · mass_of_others: the same for other cells ·
    mass_anywhere: the wall's fraction of the picture · mass_of_the_centre: a centred Gaussian ·
    mass_nearby: a Gaussian around the cell itself, since a wall's neighbours are mostly wall ·
    pointing: how often the maximum is on wall (Zhang et al. 2016) · pointing_anywhere: how often a
    random position is.
    """
    attention = attention.double()
    wall = shares > PURE
    if not wall.any():
        return {}
    centre = torch.tensor([[0.5, 0.5]], dtype=torch.float64, device=shares.device)
    nearby = gaussians(cell_centres(grid, shares.device)[wall], grid)
    figures = {
        "mass": (attention[wall] @ shares).mean(),
        "mass_anywhere": shares.mean(),
        "mass_of_the_centre": gaussians(centre, grid)[0] @ shares,
        "mass_nearby": (nearby @ shares).mean(),
        "pointing": wall[attention[wall].argmax(dim=1)].double().mean(),
        "pointing_anywhere": wall.double().mean(),
    }
    if not wall.all():
        figures["mass_of_others"] = (attention[~wall] @ shares).mean()
    return {name: value.item() for name, value in figures.items()}


def figures_of(sites: tuple[Site, ...], walls: Tensor) -> Iterator[tuple[str, float]]:
    """Every site's figures for one room, named figure_of_site; walls: boolean (height, width)."""
    for site in sites:
        if not site.attends or site.grid is None:
            continue
        attention = rows(site.attention).mean(dim=0)
        shares = wall_shares(walls, site.grid).to(attention.device)
        for name, value in looking(attention, shares, site.grid).items():
            yield f"{name} {site.name}", value


def meaning_in_rooms(network: nn.Module, task: RoomTask, rooms: int = ROOMS) -> dict[str, float]:
    """`looking` on held-out rooms: means over the rooms, for every attention site.

    Empty for a network without attention.
    """
    network = network.cpu().eval()
    layouts = survey(network, next(task.held_out())[0][:1].cpu())
    found: dict[str, list[float]] = defaultdict(list)
    seen = 0
    for inputs, walls in task.held_out():
        for picture, truth in zip(inputs, walls, strict=True):
            if seen == rooms:
                break
            _, (trace,) = run(network, picture[None].cpu(), layouts)
            for name, value in figures_of(trace.sites, truth):
                found[name].append(value)
            seen += 1
    return {name: sum(values) / len(values) for name, values in found.items()}


def measure(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """`meaning_in_rooms` as a claim's measure."""
    assert isinstance(task, RoomTask)
    return meaning_in_rooms(network, task)


def shipped(folder: Path = Path("models/checkpoints"), rooms: int = ROOMS) -> dict[str, float]:
    """`meaning_in_rooms` of the bundled checkpoint."""
    recipe, device = sa_unet.RECIPE, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    weights = folder / f"{recipe.id}.safetensors"
    network = load_network(weights, recipe.network, dict(recipe.arguments)).to(device)
    drawn = draw_rooms(HELD_OUT_FROM, rooms)
    return meaning_in_rooms(network, RoomTask(drawn, drawn, recipe, device), rooms)


if __name__ == "__main__":
    print(write_figures("meaning_rooms", shipped()))
