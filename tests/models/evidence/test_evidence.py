"""Evidence for a map against other people's tools, dense solvers and counting by hand."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter, sobel
from scipy.stats import spearmanr
from torch import Tensor, nn

from fovea.models import networks
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.evidence.baselines import centre, edges, mean_of_cells, random_map
from fovea.models.evidence.curves import curve, curves, passes, rise
from fovea.models.evidence.fills import FILLS, blurred, filled
from fovea.models.evidence.place import place, spread_of
from fovea.models.evidence.random_weights import layers_of, randomised
from fovea.models.evidence.ranking import order, schedule, spearman
from fovea.models.evidence.road import imputed, road
from fovea.models.evidence.truth import agreement

CELLS = torch.arange(16).view(4, 4).repeat_interleave(4, 0).repeat_interleave(4, 1)


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- ranking ------------------------------------------------------------------------------------


def test_cells_are_ranked_from_the_highest_and_equal_ones_in_a_seeded_order() -> None:
    values = torch.tensor([[0.0, 3.0, 1.0], [float("nan"), 3.0, 1.0]])
    first, again, other = order(values, 0), order(values, 0), order(values, 1)
    assert torch.equal(first, again)
    assert set(first[:2].tolist()) == {1, 4}
    assert set(first[2:4].tolist()) == {2, 5}
    assert first[4:].tolist() == [0, 3]  # NaN last
    many = torch.zeros(50)
    assert not torch.equal(order(many, 0), order(many, 1))
    assert sorted(other.tolist()) == list(range(6))


@pytest.mark.parametrize(("cells", "steps"), [(5, 10), (196, 33), (196, 9), (196, 3), (1, 2)])
def test_a_schedule_has_both_ends_and_keeps_its_budget(cells: int, steps: int) -> None:
    counts = schedule(cells, steps)
    assert counts[0] == 0
    assert counts[-1] == cells
    assert len(counts) <= steps
    assert all(a < b for a, b in pairwise(counts))
    if cells + 1 <= steps:
        assert counts == tuple(range(cells + 1))
    elif steps >= cells.bit_length() + 2:
        assert {0, 1, 2, 4, 8} <= set(counts)


def test_a_curve_of_one_pass_is_refused() -> None:
    with pytest.raises(ValueError, match="two ends"):
        schedule(10, 1)


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_scipys(seed: int) -> None:
    one, other = seeded(60, seed=seed).mul(8).round(), seeded(60, seed=seed + 9).mul(5).round()
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_spearman_of_a_constant_is_unknown() -> None:
    assert np.isnan(spearman(torch.zeros(4), torch.arange(4.0)))


# --- fills and baselines ------------------------------------------------------------------------


def test_the_fills() -> None:
    picture = seeded(3, 40, 60)
    assert torch.allclose(filled(picture, "mean")[:, 7, 9], picture.mean((1, 2)))
    assert filled(picture, "grey").unique().tolist() == [0.5]
    noise = filled(picture, "noise", seed=3)
    assert torch.equal(noise, filled(picture, "noise", seed=3))
    assert not torch.equal(noise, filled(picture, "noise", seed=4))
    wanted = np.stack(
        [gaussian_filter(c, 2.0, mode="nearest", truncate=4) for c in picture.double()]
    )
    assert torch.allclose(filled(picture.double(), "blur"), torch.tensor(wanted), atol=1e-9)
    with pytest.raises(ValueError, match=", ".join(FILLS)):
        filled(picture, "black")  # type: ignore[arg-type]


def test_a_blur_wider_than_the_picture() -> None:
    flat = torch.full((1, 3, 3), 0.25, dtype=torch.float64)
    assert torch.allclose(blurred(flat, 5.0), flat)


def test_the_baselines() -> None:
    middle = centre(5, 9)
    assert int(middle.argmax()) == 2 * 9 + 4
    assert float(middle[2, 4]) == 1
    assert float(middle[0, 4]) == pytest.approx(np.exp(-((0.5 / 5 - 0.5) ** 2) / 2 / 0.25**2))
    assert torch.allclose(middle, middle.flip(0).flip(1))
    assert not torch.equal(random_map(3, 3, 0), random_map(3, 3, 1))
    picture = seeded(3, 16, 16).double()
    grey = np.tensordot([0.299, 0.587, 0.114], picture.numpy(), 1)
    strength = np.hypot(sobel(grey, 0, mode="nearest"), sobel(grey, 1, mode="nearest"))
    wanted = [strength[CELLS.numpy() == cell].mean() for cell in range(16)]
    assert torch.allclose(edges(picture, CELLS), torch.tensor(wanted), atol=1e-12)


def test_pixels_outside_every_cell_do_not_count() -> None:
    cells = torch.tensor([[0, 0, -1], [1, -1, -1]])
    values = torch.tensor([[1.0, 3.0, 90.0], [5.0, 90.0, 90.0]])
    assert mean_of_cells(values, cells).tolist() == [2, 5]


# --- curves -------------------------------------------------------------------------------------


def test_a_curve_asks_for_what_it_says() -> None:
    """A score that counts white pixels: hiding cell after cell takes 16 of 256 each."""
    white, black = torch.ones(1, 16, 16), torch.zeros(1, 16, 16)
    cells = CELLS.clone()
    cells[0] = -1  # the first row of pixels belongs to no cell and stays
    ranked = order(seeded(16))
    counts = schedule(16, 40)
    sizes = torch.bincount(cells[cells >= 0].flatten(), minlength=16)
    found = curve(white, black, cells, ranked, counts, lambda p: p.sum((1, 2, 3)), batch=5)
    left = [256 - int(sizes[ranked[:count]].sum()) for count in counts]
    assert found.probabilities == tuple(left)
    assert found.shares == tuple(count / 16 for count in counts)
    by_hand = sum((a + b) / 2 / 16 for a, b in pairwise(left))
    assert found.area == pytest.approx(by_hand)


class _Cam:
    """What torchcam's metric asks of an extractor: one fixed map."""

    def __init__(self, model: nn.Module, values: Tensor) -> None:
        self.model, self.values = model, values

    def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
        return [self.values[None]]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    def _hooks_off(self) -> Any:
        return torch.no_grad()


def test_deletion_and_insertion_are_torchcams() -> None:
    """Pixels to zero in steps of equal size; insertion from the same zero."""
    from torchcam.metrics import DeletionInsertionMetric

    torch.manual_seed(0)
    network = networks.build("vit", classes=5).eval()
    inputs, values = seeded(3, 112, 112) * 2 - 1, seeded(112, 112, seed=2)
    metric = DeletionInsertionMetric(
        _Cam(network, values), partial(torch.softmax, dim=-1), steps=16, batch_size=8
    )
    metric.update(inputs[None])
    with torch.no_grad():
        kind = int(network(inputs[None]).argmax())
        pixels = torch.arange(112 * 112).view(112, 112)
        counts = [*range(0, 112 * 112, 112 * 112 // 16), 112 * 112]

        def score(pictures: Tensor) -> Tensor:
            return network(pictures).softmax(-1)[:, kind]

        ranked, nothing = order(values), torch.zeros_like(inputs)
        deletion = curve(inputs, nothing, pixels, ranked, counts, score).area
        insertion = curve(nothing, inputs, pixels, ranked, counts, score).area
    summary = metric.summary()
    assert deletion == pytest.approx(summary["deletion_auc"], abs=1e-4)
    assert insertion == pytest.approx(summary["insertion_auc"], abs=1e-4)


def test_rise_by_hand() -> None:
    """A linear score, so that each step's height is a sum over the pixels that are left."""
    inputs, values = seeded(2, 20, 20).double(), seeded(20, 20, seed=1).double()
    kernel = np.exp(-((np.arange(11) - 5) ** 2) / 50)
    kernel = np.outer(kernel, kernel)
    kernel /= kernel.sum()
    blurred = F.conv2d(inputs[:, None], torch.tensor(kernel)[None, None], padding=5)[:, 0]
    deletion, insertion = rise(values, inputs, lambda p: p.sum((1, 2, 3)))
    ranked = values.flatten().argsort(descending=True)
    steps = [*range(0, 400, 2), 400]

    def height(start: Tensor, end: Tensor, count: int) -> float:
        mixed = start.flatten(1).clone()
        mixed[:, ranked[:count]] = end.flatten(1)[:, ranked[:count]]
        return float(mixed.sum())

    for found, start, end in (
        (deletion, inputs, torch.zeros_like(inputs)),
        (insertion, blurred, inputs),
    ):
        y = [height(start, end, count) for count in steps]
        assert found == pytest.approx((sum(y) - y[0] / 2 - y[-1] / 2) / (len(y) - 1))


def test_curves_of_many_maps_are_the_curves_of_each_with_their_ends_asked_once() -> None:
    picture, hidden = seeded(3, 8, 8), torch.zeros(3, 8, 8)
    cells = torch.arange(16).view(4, 4).repeat_interleave(2, 0).repeat_interleave(2, 1)
    orders = {str(seed): order(seeded(4, 4, seed=seed)) for seed in range(3)}
    counts = (0, 1, 5, 16)
    asked: list[int] = []

    def score(pictures: Tensor) -> Tensor:
        asked.append(len(pictures))
        return pictures.mean((1, 2, 3))

    together = curves(picture, hidden, cells, orders, counts, score, batch=3)
    assert sum(asked) == passes(3, 16, counts) == 2 + 3 * 2
    for name, ranked in orders.items():
        alone = curve(picture, hidden, cells, ranked, counts, score)
        assert together[name].shares == alone.shares
        assert together[name].probabilities == pytest.approx(alone.probabilities, abs=1e-7)


# --- ROAD ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # numpy to their code
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_hidden_pixels_are_solved_as_grad_cam_solves_them(share: float) -> None:
    declare_missing_operators()
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    picture, hidden = seeded(3, 18, 23), seeded(18, 23, seed=5) < share
    wanted = NoisyLinearImputer(noise=0)(picture, (~hidden).float())
    assert torch.allclose(imputed(picture, hidden, noise=0), wanted, atol=2e-5)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
@pytest.mark.parametrize(("side", "cell", "share"), [(224, 16, 0.9), (112, 7, 0.5), (65, 5, 0.3)])
def test_large_holes_are_solved_as_a_direct_solver_solves_them(
    side: int, cell: int, share: float
) -> None:
    """Holes of whole cells, larger than any stencil reaches, on grids that no power of two fits."""
    declare_missing_operators()
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    coarse = seeded(1, 3, 9, 9)
    picture = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)[0]
    cells = seeded(side // cell, side // cell, seed=5) < share
    hidden = cells.repeat_interleave(cell, 0).repeat_interleave(cell, 1)
    wanted = NoisyLinearImputer(noise=0)(picture, (~hidden).float())
    found = imputed(picture, torch.stack([hidden, hidden.T]), noise=0)
    assert (found[0] - wanted).abs().max() < 1e-5
    assert torch.equal(imputed(picture, hidden, noise=0), found[0])


def test_what_is_all_hidden_is_the_mean_and_what_is_not_stays() -> None:
    picture = seeded(3, 6, 6)
    everything = imputed(picture, torch.ones(6, 6, dtype=torch.bool), noise=0)
    assert torch.allclose(everything, picture.mean((1, 2), keepdim=True).expand(3, 6, 6))
    assert torch.equal(imputed(picture, torch.zeros(6, 6, dtype=torch.bool)), picture)
    noisy = imputed(picture, picture[0] > 0.5, noise=0.1)
    assert torch.equal(noisy[:, picture[0] <= 0.5], picture[:, picture[0] <= 0.5])


def test_road_rewards_the_map_that_knows_and_not_its_opposite() -> None:
    """The score is the brightness of one cell: the map that marks it alone is best."""
    picture = seeded(1, 16, 16) * 0.2
    picture[:, CELLS == 6] = 1.0

    def score(pictures: Tensor) -> Tensor:
        return pictures[:, 0, CELLS == 6].mean(1)

    knows = (torch.arange(16) == 6).double()
    found = [road(picture, CELLS, order(one), score) for one in (knows, -knows)]
    assert found[0] > 0.2
    assert found[1] == pytest.approx(-found[0], abs=0.02)


# --- truth, place, random weights ---------------------------------------------------------------


def test_agreement_by_hand() -> None:
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[10:20, 10:20] = True
    values = torch.zeros(40, 40)
    values[10:20, 10:25] = 1.0
    values[30, 39] = 2.0
    found = agreement(values, mask)
    assert not found.hit  # (30, 39) is 22 px away
    assert agreement(values, mask, tolerance_px=23).hit
    assert found.mass == pytest.approx(100 / 152)
    assert (found.iou, found.threshold) == (pytest.approx(100 / 151), 1.0)
    assert agreement(mask.float(), mask).iou == 1
    with pytest.raises(ValueError, match="empty"):
        agreement(values, torch.zeros_like(mask))


def test_the_place_among_baselines() -> None:
    random = spread_of([0.30, 0.34, 0.32, 0.28, 0.36])
    deletion = place(0.16, 0.8, random, centre=0.4, edges=0.8, lower=True)
    assert deletion.against_random == pytest.approx(0.64 / 0.48)
    assert deletion.against_centre == pytest.approx(0.64 / 0.40)
    assert deletion.against_edges is None  # hiding by edges changes nothing at all
    assert deletion.deviations == pytest.approx((0.32 - 0.16) / random.spread)
    assert deletion.beyond_chance
    insertion = place(0.5, 0.1, random, centre=0.3, edges=0.2, lower=False)
    assert insertion.against_centre == pytest.approx(2)
    assert place(0.32, 0.8, random, 0.4, 0.4, lower=True).beyond_chance is False
    with pytest.raises(ValueError, match="fewer than two"):
        spread_of([0.1])


def test_weights_are_drawn_anew_from_the_last_layer_to_the_first() -> None:
    torch.manual_seed(0)
    network = networks.build("vit", classes=5).eval()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    state = torch.get_rng_state()
    layers = layers_of(network)
    seen = []
    for layer, changed in randomised(network):
        seen.append(layer)
        differs = {n for n, p in changed.named_parameters() if not torch.equal(p, before[n])}
        for path in layers[: len(layers) - len(seen)]:
            if path:
                assert not any(name.startswith(f"{path}.") for name in differs)
        weights = [n for n, p in changed.get_submodule(layer).named_parameters() if p.ndim > 1]
        assert all(f"{layer}.{n}" in differs for n in weights if layer)
    assert seen == list(reversed(layers))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
