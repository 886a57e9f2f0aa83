"""Every kernel that computes a whole attention, against its definition in float64."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.kinds.attention.rows import rows
from fovea.models.records import Attention

Q, K, V = torch.randn(3, 1, 4, 12, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
SCALE = 8**-0.5


@torch.library.custom_op("fovea_tests::heads_last", mutates_args=())
def heads_last(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As flash kernels have it: (batch, token, head, head_dim)."""
    parts = (one.transpose(1, 2) for one in (query, key, value))
    return F.scaled_dot_product_attention(*parts).transpose(1, 2).contiguous()


class Calls(nn.Module):
    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, *args: Tensor) -> Any:
        return self.call(*args)


def seen(call: Callable[..., Any], *args: Tensor, **options: Any) -> Any:
    module = Calls(call)
    with torch.no_grad():
        plain = module(*args)
        with capture(module, **options) as recording:
            watched = module(*args)
    first, second = ((one[0] if isinstance(one, tuple) else one) for one in (plain, watched))
    assert torch.equal(first, second)
    return recording


def softmax(bias: Tensor | float = 0.0) -> Tensor:
    """(head, query, key) by the definition, in float64."""
    scores = Q.double() @ K.double().transpose(-1, -2) * SCALE + bias
    return torch.softmax(scores, -1)[0]


@pytest.mark.parametrize(
    "name",
    [
        "scaled_dot_product_attention",
        "scaled_dot_product_attention.default",
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_flash_attention_for_cpu.default",
    ],
)
def test_operators_of_aten(name: str) -> None:
    op = torch.ops.aten
    for part in name.split("."):
        op = getattr(op, part)
    (site,) = seen(op, Q, K, V).trace.sites
    assert (rows(site.attention) - softmax()).abs().max() < 1e-6


def test_an_attention_written_in_operators_of_aten() -> None:
    aten = torch.ops.aten

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = aten.mul.Scalar(aten.matmul.default(q, aten.transpose.int(k, -2, -1)), SCALE)
        return aten.matmul.default(aten._softmax.default(scores, -1, False), v)

    (site,) = seen(attend, Q, K, V).trace.sites
    assert (rows(site.attention) - softmax()).abs().max() < 1e-6


def test_exported_and_traced_graphs() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    module = Calls(F.scaled_dot_product_attention)
    exported = torch.export.export(module, (Q, K, V)).module()
    for graph in (exported, make_fx(module)(Q, K, V)):
        with torch.no_grad(), capture(graph) as recording:
            graph(Q, K, V)
        (site,) = recording.trace.sites
        assert (rows(site.attention) - softmax()).abs().max() < 1e-6


ROWS, COLUMNS = torch.arange(12)[:, None], torch.arange(12)
DISTANCES = torch.randn(4, 23, generator=torch.Generator().manual_seed(3))


@pytest.mark.filterwarnings("ignore::UserWarning")  # that it is slow when it is not compiled
def test_flex_attention_with_scores_and_masks() -> None:
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    def far(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return score + DISTANCES[h, i - j + 11]

    def capped(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return 2 * torch.tanh(score / 2)

    def later(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return j >= i

    scores = Q.double() @ K.double().transpose(-1, -2) * SCALE
    block = create_block_mask(later, None, None, 12, 12, device="cpu")
    hidden = torch.zeros(12, 12).masked_fill(COLUMNS < ROWS, -torch.inf)
    cases = [
        ({}, softmax()),
        ({"score_mod": far}, softmax(DISTANCES[:, ROWS - COLUMNS + 11].double())),
        ({"score_mod": capped}, (2 * torch.tanh(scores / 2)).softmax(-1)[0]),
        ({"block_mask": block}, softmax(hidden)),
    ]
    for options, expected in cases:
        recording = seen(lambda *args, options=options: flex_attention(*args, **options), Q, K, V)
        (site,) = recording.trace.sites
        assert (rows(site.attention) - expected).abs().max() < 1e-5
    assert not recording.unseen


def adapted(query: Tensor, key: Tensor, value: Tensor) -> Attention:
    return Attention(query.transpose(1, 2), key.transpose(1, 2), scale=SCALE)


TURNED = tuple(one.transpose(1, 2).contiguous() for one in (Q, K, V))


def test_an_operator_that_nobody_knows_is_named() -> None:
    recording = seen(heads_last, *TURNED)
    assert not recording.trace.sites
    (named,) = recording.unseen
    assert (named.what, named.operation) == ("attention", "fovea_tests::heads_last")
    assert named.file == __file__
    assert named.line > 0
    assert "kernels=" in named.reason


@pytest.mark.parametrize(
    "key",
    [
        heads_last,
        "fovea_tests::heads_last",
        torch.ops.fovea_tests.heads_last,
        torch.ops.fovea_tests.heads_last.default,
    ],
    ids=["custom_op", "name", "packet", "overload"],
)
def test_a_person_tells_an_operator_in_one_line(key: Any) -> None:
    recording = seen(heads_last, *TURNED, kernels={key: adapted})
    (site,) = recording.trace.sites
    assert (rows(site.attention) - softmax()).abs().max() < 1e-6
    assert not recording.unseen


def test_an_adapter_that_fails_is_named_and_harms_nothing() -> None:
    recording = seen(heads_last, *TURNED, kernels={heads_last: lambda query: Attention(query)})
    assert not recording.trace.sites
    assert "looking at it failed: TypeError" in recording.unseen[0].reason


def test_what_is_no_operator_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="is no operator"),
        capture(nn.Identity(), kernels={F.relu: adapted}),
    ):
        pass
