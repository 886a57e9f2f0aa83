"""Samplers: any grid that depends on the photo, where it really read, theta where one fits."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.kinds.warp.chain import points_read
from fovea.models.kinds.warp.signature import DISPLACED, fitted
from fovea.models.records import Sampling, Site

ROWS, COLUMNS = 10, 12
THETA = torch.tensor([[0.7, -0.4, 0.1], [0.3, 0.8, -0.2]])


class Reader(nn.Module):
    """Reads its input where `grid_of` says, from a theta that depends on the photo."""

    def __init__(self, grid_of: Any, align_corners: bool = False, sample: Any = None) -> None:
        super().__init__()
        self.grid_of, self.align_corners, self.sample = grid_of, align_corners, sample
        self.register_buffer("flat", torch.zeros(1, 6, 8, 2))

    def forward(self, x: Tensor) -> Tensor:
        theta = THETA.to(x) * (1 + 0.1 * torch.tanh(x.mean((1, 2, 3)))[:, None, None])
        self.grid = self.grid_of(self, x, theta)
        if self.sample is not None:
            return self.sample(x, self.grid)
        return F.grid_sample(x, self.grid, align_corners=self.align_corners)


def affine(align: bool) -> Any:
    return lambda m, x, theta: F.affine_grid(theta, [len(x), 1, 6, 8], align_corners=align)


def by_hand(_: Any, x: Tensor, theta: Tensor) -> Tensor:
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, 6), torch.linspace(-1, 1, 8), indexing="ij")
    points = torch.stack([xs.flatten(), ys.flatten(), torch.ones(48)])
    return (theta @ points).transpose(1, 2).reshape(len(x), 6, 8, 2)


def flow(m: Any, x: Tensor, theta: Tensor) -> Tensor:
    small = F.adaptive_avg_pool2d(x, (6, 8)).mean(1)
    return affine(False)(m, x, theta) + 0.2 * torch.tanh(small)[..., None]


def offsets(m: Any, x: Tensor, _: Tensor) -> Tensor:
    return m.flat + torch.tanh(F.adaptive_avg_pool2d(x, (6, 8))[:, :2]).permute(0, 2, 3, 1)


AFFINE: dict[str, tuple[Any, bool]] = {
    "both edges": (affine(False), False),
    "both middles": (affine(True), True),
    "made with middles, read with edges": (affine(True), False),
    "made with edges, read with middles": (affine(False), True),
    "by hand": (by_hand, False),
    "by hand, middles": (by_hand, True),
    "detached": (lambda m, x, t: affine(False)(m, x, t).detach(), False),
    "clamped without effect": (lambda m, x, t: affine(False)(m, x, t).clamp(-9, 9), False),
    "moved": (lambda m, x, t: affine(False)(m, x, t) + x.mean((2, 3))[:, None, None, :2], False),
}
DISPLACING: dict[str, Any] = {
    "clamped": lambda m, x, t: affine(False)(m, x, t).clamp(-0.5, 0.5),
    "flow": flow,
    "offsets": offsets,
    "squared": lambda m, x, t: affine(False)(m, x, t) ** 2,
}


def site_of(module: nn.Module, channels: int = 3, batch: int = 2) -> tuple[Site, Tensor]:
    torch.manual_seed(1)
    x = torch.randn(batch, channels, ROWS, COLUMNS)
    plain = module(x)
    with torch.inference_mode(), capture(module) as recording:
        assert torch.equal(module(x), plain)
    (site,) = recording.trace.sites
    assert torch.equal(site.sampling.output, plain)
    assert torch.equal(site.sampling.input, x)
    return site, x


def read_by_theta(picture: np.ndarray, theta: np.ndarray, align: bool) -> np.ndarray:
    """Jaderberg et al. 2015, equations 1 and 5, pixel by pixel in float64."""
    rows, columns = picture.shape
    result = np.zeros((6, 8))

    def middle(index: int, count: int) -> float:
        return 2 * index / (count - 1) - 1 if align else (2 * index + 1) / count - 1

    def pixel(value: float, count: int) -> float:
        return (value + 1) / 2 * (count - 1) if align else ((value + 1) * count - 1) / 2

    for i in range(6):
        for j in range(8):
            x, y = theta @ [middle(j, 8), middle(i, 6), 1]
            across, down = pixel(x, columns), pixel(y, rows)
            for m in range(rows):
                for n in range(columns):
                    weight = max(0, 1 - abs(across - n)) * max(0, 1 - abs(down - m))
                    result[i, j] += weight * picture[m, n]
    return result


@pytest.mark.parametrize("name", AFFINE)
def test_theta_gives_the_pixels_that_came_out(name: str) -> None:
    grid_of, align = AFFINE[name]
    site, x = site_of(Reader(grid_of, align))
    sampling = site.sampling
    assert (site.kind, site.note) == ("spatial-transformer", None)
    assert sampling.align_corners is align
    assert sampling.theta is not None
    read = read_by_theta(x[1, 2].double().numpy(), sampling.theta[1].double().numpy(), align)
    np.testing.assert_allclose(read, sampling.output[1, 2].double().numpy(), atol=2e-4)


@pytest.mark.parametrize("name", DISPLACING)
def test_points_that_no_theta_gives_are_kept_as_they_are(name: str) -> None:
    module = Reader(DISPLACING[name])
    site, _ = site_of(module)
    assert site.sampling.theta is None
    assert site.note == DISPLACED
    assert torch.equal(site.sampling.grid, module.grid)


@pytest.mark.parametrize(
    "sample",
    [
        lambda x, grid: torch.grid_sampler(x, grid, 0, 0, False),
        lambda x, grid: torch.ops.aten.grid_sampler_2d(x, grid, 0, 0, False),
        lambda x, grid: torch.ops.aten.grid_sampler.default(x, grid, 0, 0, False),
        lambda x, grid: F.grid_sample(input=x, grid=grid, align_corners=False),
    ],
    ids=["torch", "aten", "aten overload", "by name"],
)
def test_every_entry_of_the_sampler(sample: Any) -> None:
    site, _ = site_of(Reader(affine(False), sample=sample))
    assert site.sampling.theta is not None


class Resize(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.theta = nn.Parameter(torch.eye(2, 3)[None])
        self.register_buffer("points", F.affine_grid(torch.eye(2, 3)[None], [1, 1, 4, 4], False))

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "learnt":
            grid = F.affine_grid(self.theta.tanh(), [1, 1, 4, 4], align_corners=False)
        elif self.kind == "buffer":
            grid = self.points * 0.5
        else:
            line = torch.linspace(-1, 1, 4)
            grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None]
        return F.grid_sample(x, grid, align_corners=False)


@pytest.mark.parametrize("kind", ["learnt", "buffer", "ramps"])
def test_a_grid_that_is_the_same_for_every_photo_chooses_nothing(kind: str) -> None:
    with torch.inference_mode(), capture(module := Resize(kind)) as recording:
        module(torch.randn(1, 3, 8, 8))
    assert recording.trace.sites == ()


class LooksUp(nn.Module):
    """Deformable attention's reading: a few points for every query, heads in the batch."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x.flatten(2).unflatten(1, (2, -1)).flatten(0, 1).unflatten(2, x.shape[2:])
        points = torch.tanh(heads.mean((1, 2, 3)))[:, None, None, None].expand(-1, 9, 4, 2)
        return F.grid_sample(heads, points, align_corners=False)


def test_a_look_up_of_points_is_no_warped_map() -> None:
    with torch.inference_mode(), capture(module := LooksUp()) as recording:
        module(torch.randn(1, 4, 8, 8))
    assert recording.trace.sites == ()
    (found,) = recording.unseen
    assert found.what == "sampler"
    assert "a few points for each query" in found.reason


def test_a_volume_that_is_sampled_is_named_for_what_it_is() -> None:
    class Volume(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            theta = torch.eye(3, 4).repeat(len(x), 1, 1) * x.mean((1, 2, 3, 4)).view(-1, 1, 1)
            grid = F.affine_grid(theta, list(x.shape), align_corners=False)
            return F.grid_sample(x, grid, align_corners=False)

    with torch.inference_mode(), capture(module := Volume()) as recording:
        module(torch.randn(2, 1, 4, 5, 6))
    assert recording.trace.sites == ()
    (found,) = recording.unseen
    assert (found.what, "a volume" in found.reason) == ("sampler", True)


def test_a_theta_is_fitted_to_many_photos_at_once() -> None:
    theta = torch.randn(5, 2, 3)
    grid = F.affine_grid(theta, [5, 1, 9, 4], align_corners=True)
    found = fitted(grid, (ROWS, COLUMNS), align_corners=True)
    assert found is not None
    torch.testing.assert_close(found, theta, atol=1e-5, rtol=1e-5)
    grid[3, 2, 1, 0] += 0.01
    assert fitted(grid, (ROWS, COLUMNS), align_corners=True) is None


def sampling_by(grid: Tensor, align: bool, theta: Tensor | None) -> Sampling:
    picture = torch.zeros(1, 1, ROWS, COLUMNS)
    return Sampling(theta, grid, picture, torch.zeros(1, 1, *grid.shape[1:3]), align)


@pytest.mark.parametrize("align", [False, True])
def test_points_read_through_a_displaced_window(align: bool) -> None:
    """Of a window without theta the points between its own are read, as theta itself gives."""
    outer = F.affine_grid(THETA[None] * 0.6, [1, 1, 30, 40], align_corners=align)
    inner = F.affine_grid(torch.eye(2, 3)[None] * 0.5, [1, 1, 4, 4], align_corners=False)
    window = Sampling(None, inner, torch.zeros(1, 1, 30, 40), torch.zeros(1, 1, 4, 4), False)
    through = [
        points_read(window, [sampling_by(outer, align, theta)])
        for theta in (THETA[None] * 0.6, None)
    ]
    torch.testing.assert_close(through[1], through[0], atol=2e-3, rtol=0)
    # The middle of the inner window is the middle of the outer one.
    middle = (THETA[:, 2] * 0.6).double()
    size = torch.tensor([COLUMNS, ROWS]).double()
    shares = (middle + 1) / 2
    shares = (shares * (size - 1) + 0.5) / size if align else shares
    torch.testing.assert_close(through[0].mean((0, 1)), shares, atol=1e-5, rtol=0)
