"""Where nouns look: the boxes, and the figures against what can be counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from fovea.models.grids import PatchGrid
from fovea.models.networks import build
from fovea.models.networks.decoder import END, START
from training.claims.meaning_captions import (
    Box,
    cell_shares,
    figures_of,
    interval,
    looks,
    meaning_in_captions,
    read_boxes,
)
from training.tasks.captions import Captioned

GRID = PatchGrid(14, 14)
LABELS = ("<pad>", "<start>", "<end>", "<unknown>", "a", "dog", "runs")


def test_the_boxes_are_boxes_and_leave_most_of_a_photo() -> None:
    boxes = read_boxes()
    assert len({box.photo for box in boxes}) >= 40
    for box in boxes:
        left, top, right, bottom = box.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert 0.002 < (right - left) * (bottom - top) < 0.65
        assert box.nouns


def test_a_box_covers_cells_in_part() -> None:
    """Against counting the points of a fine lattice on the photo's centre."""
    box = (0.2, 0.31, 0.55, 0.97)
    fine = 14 * 40
    points = 1 / 16 + 7 / 8 * (torch.arange(fine, dtype=torch.float64) + 0.5) / fine
    down = (points > box[1]) & (points < box[3])
    across = (points > box[0]) & (points < box[2])
    counted = torch.outer(down.double(), across.double()).view(14, 40, 14, 40).mean(dim=(1, 3))
    torch.testing.assert_close(cell_shares(box, GRID), counted.flatten(), atol=0.03, rtol=0)
    assert cell_shares((0, 0, 1, 1), GRID).min() == pytest.approx(1)
    assert cell_shares((0, 0, 0.06, 1), GRID).max() == 0


def test_mass_and_pointing() -> None:
    shares = torch.tensor([0.0, 1.0, 0.25, 0.0])
    look = torch.tensor([0.1, 0.2, 0.6, 0.1]).double()
    figures = figures_of(look, shares.double())
    assert figures == {"mass": pytest.approx(0.35), "pointing": 0.0}
    assert figures_of(look.flip(0), shares.flip(0).double())["mass"] == pytest.approx(0.35)
    assert figures_of(torch.tensor([0.0, 1, 0, 0]).double(), shares.double())["pointing"] == 1


def pointed(at: int) -> nn.Module:
    """A captioner whose every word looks at one patch, at any photo."""
    torch.manual_seed(0)
    network = build("captioner", words=len(LABELS), depth=1, word_depth=1).eval()
    block = network.decoder.blocks[0]
    with torch.no_grad():
        # Keys follow the place alone; the query is the same for all words.
        network.bridge.weight.zero_()
        network.bridge.weight[0, 0] = 1
        block.cross_attention.key.weight.copy_(torch.eye(128)[0].repeat(128, 1))
        block.cross_attention.query.weight.zero_()
        block.cross_attention.query.bias.fill_(10)
    network.encoder.norm = nn.Identity()
    network.encoder.blocks = nn.Sequential(Marked(at))
    return network


class Marked(nn.Module):
    """Zeros, but for one patch."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def forward(self, tokens: Tensor) -> Tensor:
        marked = torch.zeros_like(tokens)
        marked[:, self.at, 0] = 1
        return marked


def test_a_captioner_that_looks_at_the_thing_is_found_out() -> None:
    network = pointed(5 * 14 + 9)
    photo = torch.zeros(1, 3, 112, 112)
    look = looks(network, photo, [START, 4, 5, 6, END])
    assert look.shape == (1, 4, 196)
    torch.testing.assert_close(look.sum(dim=2), torch.ones(1, 4).double())
    assert look[0, 1].argmax() == 5 * 14 + 9
    val = Captioned(
        torch.zeros(1, 3, 128, 128, dtype=torch.uint8), ((("a", "dog", "runs"), ("a", "cat")),)
    )
    middle = [1 / 16 + 7 / 8 * (cell + 0.5) / 14 for cell in (9, 5)]
    around = (middle[0] - 0.1, middle[1] - 0.1, middle[0] + 0.1, middle[1] + 0.1)
    boxes = [
        Box(0, "dog", around, frozenset({"dog"})),
        Box(0, "goat", around, frozenset({"goat"})),
    ]
    figures = meaning_in_captions(network, val, LABELS, boxes)
    assert figures["mass, people's nouns"]["boxes"] == 1
    assert figures["mass, people's nouns"]["mean"] > 0.95
    assert figures["pointing, people's nouns"]["mean"] == 1
    assert figures["pointing, other words"]["mean"] == 1
    area = 0.2 * 0.2 / (7 / 8) ** 2
    assert figures["mass, anywhere"]["mean"] == pytest.approx(area, rel=1e-6)


def test_the_interval_of_a_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400, generator=generator, dtype=torch.float64)
    low, high = interval(values.tolist())
    # Of a mean of n the 95 % interval is 1.96 deviations / sqrt(n) either way.
    assert (high - low) / 2 == pytest.approx(1.96 * values.std().item() / 20, rel=0.1)
    assert low < values.mean() < high
