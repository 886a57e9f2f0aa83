"""Rows that may look at nothing: as torch's own kernel answers, which is with zeros."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fovea.models.kinds.attention.rows import column_means, rows
from fovea.models.maps.rollout import rollout
from fovea.models.records import Attention
from fovea.models.running.observing import capture


@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_row_that_may_look_at_nothing_is_zero(kind: str) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 6, 8).unbind(0)
    may = torch.rand(1, 1, 6, 6) > 0.4
    may[..., 1, :] = False
    may[..., 4, :] = False
    mask = may if kind == "boolean" else torch.zeros(1, 1, 6, 6).masked_fill(~may, -torch.inf)
    kernel = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    assert kernel.isfinite().all()
    held = Attention(query=query, key=key, mask=mask, scale=8**-0.5)
    found = rows(held)
    torch.testing.assert_close(found @ value[0], kernel[0], atol=1e-6, rtol=0)
    assert found[:, [1, 4]].count_nonzero() == 0
    assert column_means(held).sum(-1) == pytest.approx(4 / 6)


class Bordered(nn.Module):
    """Tokens behind a border of padding that nothing may look at and that looks at nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, may: torch.Tensor) -> torch.Tensor:
        z = self.embed(x).flatten(2).transpose(1, 2)[:, None]
        for _ in range(2):
            z = z + F.scaled_dot_product_attention(z, z, z, attn_mask=may)
        return self.head(z[:, 0].mean(1))


def test_a_rollout_is_finite_where_the_answer_is() -> None:
    network, x = Bordered().eval(), torch.randn(1, 3, 24, 32)
    may = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    may[..., :8, :8] = True
    with torch.no_grad(), capture(network) as trace:
        assert network(x, may).isfinite().all()
    values = rollout(trace).values
    assert values.shape == (3, 4)
    # By the matrices: A of the last four rows is zero, so that they keep what they have.
    held = [torch.zeros(12, 12) for _ in range(2)]
    for matrix, site in zip(held, trace.sites, strict=True):
        assert site.attention.query is not None
        assert site.attention.key is not None
        scores = (site.attention.query @ site.attention.key.transpose(-1, -2))[0, 0, :8, :8] / 4
        matrix[:8, :8] = scores.softmax(-1)
    rolled = torch.eye(12)
    for matrix in held:
        mixed = matrix + torch.eye(12)
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    torch.testing.assert_close(values.flatten(), rolled.mean(0), atol=1e-6, rtol=0)
