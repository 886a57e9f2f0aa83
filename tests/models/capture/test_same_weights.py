"""One network's weights, run in every way that torch has: the rows are the same, or it is named.

The truth is the formula in float64 over the network's own projections.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from fovea.models.capture import capture
from fovea.models.kinds.attention.rows import rows
from fovea.models.records import Attention, Trace

HEADS, WIDTH = 2, 16
PHOTO = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.library.custom_op("fovea_tests::attend", mutates_args=())
def custom(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """A kernel of somebody's own."""
    return ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v


@custom.register_fake
def _(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.empty_like(q)


class Block(nn.Module):
    """Patches that attend to each other, in a way that is chosen."""

    def __init__(self, attend: Attend) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.qkv = nn.Conv2d(3, WIDTH, 8, 8), nn.Linear(WIDTH, 3 * WIDTH)
        self.attend = attend

    def parts(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(self, photos: Tensor) -> Tensor:
        return self.attend(*self.parts(photos)).transpose(1, 2).flatten(2).mean(1)


def eager(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ v


def flex(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    made: Tensor = flex_attention(q, k, v)  # type: ignore[assignment]
    return made


WAYS: dict[str, Callable[[], Any]] = {
    "eager": lambda: Block(eager),
    "sdpa": lambda: Block(F.scaled_dot_product_attention),
    "flex": lambda: Block(flex),
    "eager, compiled": lambda: torch.compile(Block(eager), backend="eager"),
    "sdpa, compiled": lambda: torch.compile(
        Block(F.scaled_dot_product_attention), backend="aot_eager"
    ),
    "eager, exported": lambda: torch.export.export(Block(eager), (PHOTO,)).module(),
    "sdpa, exported": lambda: torch.export.export(
        Block(F.scaled_dot_product_attention), (PHOTO,)
    ).module(),
    "an operator of ATen": lambda: Block(
        lambda q, k, v: torch.ops.aten.scaled_dot_product_attention.default(q, k, v)
    ),
    "a custom op": lambda: Block(custom),
    "a custom op, exported": lambda: torch.export.export(Block(custom), (PHOTO,)).module(),
}


def watched(module: Any, **options: Any) -> Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that FlexAttention is slow uncompiled
        with torch.no_grad(), capture(module, **options) as recording:
            module(PHOTO)
    return recording.trace


@pytest.mark.parametrize("way", WAYS)
def test_the_rows_are_those_of_the_formula_however_it_runs(way: str) -> None:
    trace = watched(WAYS[way](), kernels={custom: lambda q, k, v: Attention(q, k, scale=8**-0.5)})
    (site,) = trace.sites
    found = torch.stack([rows(photo.sites[0].attention) for photo in trace.split(2)])
    q, k, _ = Block(eager).double().parts(PHOTO.double())
    truth = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
    assert site.attention.shape == truth.shape
    assert (found - truth).abs().max() < 1e-5


@pytest.mark.parametrize("way", ["a custom op", "a custom op, exported"])
def test_an_operator_that_nobody_told_of_is_named(way: str) -> None:
    trace = watched(WAYS[way]())
    assert not trace.sites
    (found,) = trace.unseen
    assert (found.what, found.operation) == ("attention", "fovea_tests::attend")


@pytest.mark.parametrize("norm_first", [False, True])
def test_torchs_own_layer_has_one_name_fused_and_written_out(norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=norm_first)
    network = nn.Sequential(nn.Flatten(2), nn.Linear(1536, 16), layer).eval()
    with torch.no_grad(), capture(network) as fused:
        network(PHOTO)
    with capture(network) as written:
        network(PHOTO)
    one, other = fused.trace.sites[0], written.trace.sites[0]
    assert one.name == other.name == "2.self_attn"
    one, other = (trace.trace.split(2)[0].sites[0] for trace in (fused, written))
    assert (rows(one.attention) - rows(other.attention)).abs().max() < 1e-5
