"""Where a window lies: overlaps against areas known by hand."""

import pytest
import torch

from fovea.models.mechanisms.spatial_transformer import ComposedSpatialTransformer, Look
from training.claims.windows import overlap, turn_deg, window_figures
from training.examples.data import Examples


def window(turn: float, half: float, x: float, y: float) -> torch.Tensor:
    angle = torch.deg2rad(torch.tensor(turn))
    cosine, sine = half * angle.cos(), half * angle.sin()
    return torch.tensor([[[cosine, -sine, x], [sine, cosine, y]]])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (window(0, 0.5, 0, 0), 1.0),
        (window(0, 0.5, 0.5, 0), 1 / 3),  # half of each in common
        (window(0, 0.25, 0, 0), 1 / 4),
        (window(0, 0.2, 0.9, 0.9), 0.0),
        (window(90, 0.5, 0, 0), 1.0),
        # A square on a corner: an octagon of area 8 (sqrt 2 - 1) in units of half a side, squared.
        (window(45, 0.5, 0, 0), 8 * (2**0.5 - 1) / (8 - 8 * (2**0.5 - 1))),
    ],
)
def test_overlap_is_the_one_of_the_squares(other: torch.Tensor, expected: float) -> None:
    assert overlap(window(0, 0.5, 0, 0), other).item() == pytest.approx(expected, abs=0.02)


def test_a_turn_is_read_off_theta() -> None:
    assert turn_deg(window(30, 0.4, 0.1, 0.2)).item() == pytest.approx(30, abs=1e-3)


def test_a_transformer_that_looks_at_everything_scores_as_the_canvas() -> None:
    digits = torch.zeros(600, 1, 28, 28, dtype=torch.uint8)
    digits[:, :, 8:20, 8:20] = 255
    examples = Examples(digits, torch.zeros(600, dtype=torch.int64), ("digit",))
    look = Look(torch.nn.Flatten(), 3600, (28, 28))
    blind = ComposedSpatialTransformer({"first": look})
    figures = window_figures(blind, examples, torch.device("cpu"))
    assert figures["iou"] == pytest.approx(figures["iou_of_the_canvas"])
    assert figures["distance_px"] == pytest.approx(figures["distance_of_the_centre_px"])
    # Turned by up to 90 degrees, evenly: half of that in the median.
    assert figures["turn_error_deg"] == pytest.approx(45, abs=6)
