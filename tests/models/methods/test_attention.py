"""One token's row or column as a map, against the matrix in double precision."""

import pytest
import torch
from torch import nn

from fovea.models import networks
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.methods.making.tokens import attention
from fovea.models.records import Trace
from fovea.models.running.observing import capture

declare_missing_operators()


def trace_of(name: str, height: int, width: int, **options: object) -> Trace:
    import timm

    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, img_size=(height, width), **options).eval()
    with torch.inference_mode(), capture(network) as trace:
        network(torch.randn(1, 3, height, width))
    return trace


@pytest.fixture(scope="module")
def vit() -> Trace:
    return trace_of("vit_tiny_patch16_224", 48, 80, depth=3)


def matrix(trace: Trace, layer: int) -> torch.Tensor:
    held = trace.sites[layer].attention
    scores = held.query[0].double() @ held.key[0].double().transpose(-1, -2) * held.scale
    return scores.softmax(-1)


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)


def test_rows_and_columns_are_those_of_the_matrix(vit: Trace) -> None:
    every = matrix(vit, 1)
    token = 1 + 2 * 5 + 3  # behind the class token, row 2, column 3 of 3 × 5
    row = attention(vit, 1, (2, 3), head="all")
    assert row.axes == ("head", "row", "column")
    torch.testing.assert_close(
        row.values.double().flatten(1), every[:, token, 1:], atol=1e-6, rtol=0
    )
    torch.testing.assert_close(row.prefix.double(), every[:, token, :1], atol=1e-6, rtol=0)
    column = attention(vit, 1, (2, 3), head=2, direction="to")
    torch.testing.assert_close(
        column.values.double().flatten(), every[2, 1:, token], atol=1e-6, rtol=0
    )
    assert column.sentence == "Layer 1, head 2: what the patch at row 2, column 3 is looked at by"


def test_the_class_token_of_the_last_layer_unless_told_otherwise(vit: Trace) -> None:
    expected = matrix(vit, 2)[:, 0, 1:].mean(0)
    for found in (attention(vit), attention(vit, 2, "cls"), attention(vit, -1, 0)):
        same(found.values.flatten(), expected)


def test_a_window_is_all_that_is_looked_at() -> None:
    trace = trace_of(
        "swin_tiny_patch4_window7_224", 224, 224, depths=(1, 1), embed_dim=24, num_heads=(1, 2)
    )
    found = attention(trace, 0, (10, 3))
    seen = found.values.isfinite()
    assert found.values.shape == (56, 56)
    assert seen[7:14, 0:7].all()
    assert seen.sum() == 49
    assert found.values[seen].sum() == pytest.approx(1, abs=1e-5)
    # Window 8 is the first of the second row of eight; row 10, column 3 is its token 3·7 + 3.
    expected = trace.sites[0].attention.probabilities[8, :, 24].mean(0)
    torch.testing.assert_close(found.values[7:14, 0:7].flatten(), expected)


def test_a_word_looks_at_patches() -> None:
    """Cross-attention of a captioner: its queries are words, its keys lie on the photo."""
    torch.manual_seed(0)
    sizes = {"image_size": 64, "dim": 24, "depth": 1, "heads": 2, "word_dim": 16, "word_heads": 2}
    captioner = networks.build("captioner", words=9, **sizes).eval()
    words = torch.tensor([[1, 5, 6, 7]])
    with torch.inference_mode(), capture(captioner) as trace:
        captioner(torch.randn(1, 3, 64, 64), words)
    cross = next(i for i, site in enumerate(trace.sites) if "cross" in site.name)
    found = attention(trace, cross, 2, head=1)
    assert found.axes == ("row", "column")
    expected = matrix(trace, cross)[1, 2]
    same(torch.cat((found.prefix, found.values.flatten())), expected)
    own = attention(trace, cross - 1, 2, head=1)
    assert own.axes == ("key",)


def test_what_does_not_exist_is_refused(vit: Trace) -> None:
    with pytest.raises(IndexError, match="there are 3 attention layers"):
        attention(vit, 3)
    with pytest.raises(IndexError, match="outside"):
        attention(vit, 0, (3, 0))
    with pytest.raises(ValueError, match="0 to 15"):
        attention(vit, 0, 16)
    with pytest.raises(ValueError, match="head 9"):
        attention(vit, 0, head=9)
