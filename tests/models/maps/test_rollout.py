"""Rollout by row propagation against the matrix form of the paper, in float64."""

import pytest
import torch
from torch import Tensor

from fovea.models.grids import PatchGrid
from fovea.models.maps.propagation import NoChain
from fovea.models.maps.rollout import rollout
from fovea.models.records import Attention, Gate, Site, Trace


def trace_of(tokens: int, grid: PatchGrid, prefix: int, layers: int = 4, heads: int = 3) -> Trace:
    torch.manual_seed(1)
    return Trace(
        tuple(
            Site(
                id=f"s{layer:02d}",
                kind="attention",
                layer=layer,
                name=f"blocks.{layer}",
                tensors=Attention(
                    query=torch.randn(1, heads, tokens, 8),
                    key=torch.randn(1, heads, tokens, 8) * 2,
                    scale=8**-0.5,
                ),
                grid=grid,
                prefix_tokens=prefix,
            )
            for layer in range(layers)
        )
    )


def matrices(trace: Trace) -> list[Tensor]:
    """(head, N, N) a layer, by the definition of softmax in float64."""
    result = []
    for site in trace.sites:
        q, k = site.attention.query[0].double(), site.attention.key[0].double()
        weights = (q @ k.transpose(1, 2) * site.attention.scale).exp()
        result.append(weights / weights.sum(-1, keepdim=True))
    return result


def matrix_rollout(layers: list[Tensor], fusion: str, discard: float) -> Tensor:
    """R = Ã_L … Ã_1 with Ã = rownorm(F + I), all N×N, as Abnar & Zuidema 2020 state it."""
    fuse = {
        "mean": lambda a: a.mean(0),
        "max": lambda a: a.max(0).values,
        "min": lambda a: a.min(0).values,
    }
    size = layers[0].shape[-1]
    total = torch.eye(size, dtype=torch.float64)
    for attention in layers:
        fused = fuse[fusion](attention)
        if discard:
            order = fused.flatten().argsort()
            fused = fused.flatten().clone()
            fused[order[: int(discard * size * size)]] = 0
            fused = fused.view(size, size)
        mixed = fused + torch.eye(size)
        total = (mixed / mixed.sum(-1, keepdim=True)) @ total
    return total


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(
    ("grid", "prefix"), [(PatchGrid(5, 7), 1), (PatchGrid(4, 4), 5), (PatchGrid(19, 17), 1)]
)
def test_equals_the_matrix_form(fusion: str, discard: float, grid: PatchGrid, prefix: int) -> None:
    trace = trace_of(grid.cells + prefix, grid, prefix)
    row = matrix_rollout(matrices(trace), fusion, discard)[0]
    result = rollout(trace, fusion, discard)
    assert result.axes == ("row", "column")
    assert (result.values.flatten() - row[prefix:]).abs().max() < 1e-5
    assert (result.prefix - row[:prefix]).abs().max() < 1e-5


def test_without_a_class_token_the_rows_are_averaged() -> None:
    grid = PatchGrid(4, 5)
    trace = trace_of(20, grid, prefix=0)
    expected = matrix_rollout(matrices(trace), "mean", 0).mean(0)
    assert (rollout(trace).values.flatten() - expected).abs().max() < 1e-5


def test_only_layers_over_the_same_tokens_take_part() -> None:
    grid = PatchGrid(4, 5)
    trace, other = trace_of(21, grid, 1), trace_of(6, PatchGrid(1, 5), 1)
    gate = Site("s09", "channel-gate", 0, "se", Gate(torch.rand(1, 3, 1, 1)))
    assert torch.equal(
        rollout(Trace((*other.sites, gate, *trace.sites))).values, rollout(trace).values
    )


def test_bad_parameters_and_traces_are_refused() -> None:
    trace = trace_of(21, PatchGrid(4, 5), 1)
    with pytest.raises(ValueError, match="mean, max, min"):
        rollout(trace, "all")
    with pytest.raises(ValueError, match="0 ≤ discard < 1"):
        rollout(trace, discard=1.0)
    with pytest.raises(NoChain):
        rollout(Trace(()))
