"""One place's attention in windows and pyramids against the plain sum over its own tokens."""

import pytest
import torch

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import Layout
from fovea.models.kinds.attention.windows import NoPlace, looked_at_by, looks_at, received
from fovea.models.records import Attention
from fovea.models.running.inference import run

declare_missing_operators()


def site_of(name: str, index: int, **options: object):
    import timm

    torch.manual_seed(0)
    module = timm.create_model(name, **options).eval()
    _, (trace,) = run(module, torch.randn(1, 3, 224, 224))
    return trace.sites[index]


def test_a_shifted_window_is_seen_where_it_is() -> None:
    """Swin's second block: windows of 7×7 after a shift by 3, wrapping around the picture."""
    site = site_of("swin_tiny_patch4_window7_224", 1, depths=(2,), embed_dim=24, num_heads=(2,))
    row, column = 10, 20
    seen = looks_at(site.attention, site.layout, row, column)
    assert seen.shape == (2, 56, 56)
    # The window that holds row 10, column 20 covers rows 10…16 and columns 17…23.
    inside = torch.zeros(56, 56, dtype=torch.bool)
    inside[10:17, 17:24] = True
    assert torch.equal(seen.isfinite()[0], inside)
    assert seen[:, inside].sum(-1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    # Row 10, column 20 is looked at by row 16, column 23 as much as that one looks at it.
    assert looked_at_by(site.attention, site.layout, row, column)[1, 16, 23] == pytest.approx(
        looks_at(site.attention, site.layout, 16, 23)[1, row, column].item()
    )


def test_masked_corners_of_a_shifted_picture_do_not_mix() -> None:
    """The last window wraps around; its mask keeps apart what does not lie side by side."""
    site = site_of("swin_tiny_patch4_window7_224", 1, depths=(2,), embed_dim=24, num_heads=(2,))
    seen = looks_at(site.attention, site.layout, 55, 55)
    assert seen[:, 52:, 52:].sum().item() == pytest.approx(2.0, abs=1e-5)
    assert seen[0, 0, 0].item() == pytest.approx(0.0, abs=1e-12)  # in the window, but masked


def test_a_pyramid_answers_on_the_grid_of_its_keys() -> None:
    site = site_of("pvt_v2_b0", 0, depths=(1, 1, 1, 1))
    seen = looks_at(site.attention, site.layout, 55, 0)
    assert seen.shape == (1, 7, 7)
    assert seen.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert looked_at_by(site.attention, site.layout, 6, 6).shape == (1, 56, 56)


def test_a_cell_outside_is_refused() -> None:
    site = site_of("pvt_v2_b0", 0, depths=(1, 1, 1, 1))
    for row, column in ((56, 0), (0, -1)):
        with pytest.raises(NoPlace):
            looks_at(site.attention, site.layout, row, column)


def test_what_all_look_at_is_the_mean_of_the_rows_of_each_window() -> None:
    site = site_of("swin_tiny_patch4_window7_224", 1, depths=(2,), embed_dim=24, num_heads=(2,))
    found = received(site.attention, site.layout)
    assert found.shape == (2, 56, 56)
    # Each of the 64 windows gives out 1 a head.
    assert found.sum((1, 2)).tolist() == pytest.approx([64, 64], rel=1e-5)
    rows = [looks_at(site.attention, site.layout, 10 + n // 7, 17 + n % 7) for n in range(49)]
    expected = torch.stack(rows).mean(0)[:, 10:17, 17:24]
    torch.testing.assert_close(found[:, 10:17, 17:24], expected)


def test_without_windows_it_is_the_mean_of_the_columns() -> None:
    site = site_of("vit_tiny_patch16_224", 0, depth=1)
    matrix = site.attention.query[0] @ site.attention.key[0].transpose(1, 2) * site.attention.scale
    expected = matrix.double().softmax(-1).mean(1).float()
    found = received(site.attention, site.layout)
    torch.testing.assert_close(found.flatten(1), expected[:, 1:])


def test_keys_without_places_are_not_laid_anywhere() -> None:
    with pytest.raises(NoPlace):
        received(Attention(probabilities=torch.ones(1, 1, 2, 2) / 2), Layout(None, None))
