"""Rows and columns of an attention that is elsewhere than on the CPU, as on a GPU."""

import pytest
import torch

from fovea.models.kinds.attention.rows import column_means, columns, log_normaliser, rows
from fovea.models.records import Attention

QUERY = torch.zeros(1, 2, 5, 4, device="meta")
"""Torch refuses to mix the device "meta" with the CPU, as it does a GPU; it needs none."""


@pytest.mark.parametrize(
    "held",
    [
        Attention(query=QUERY, key=QUERY),
        Attention(query=QUERY, key=QUERY, causal=True),
        Attention(query=QUERY, key=QUERY, mask=torch.zeros(1, 1, 5, 5, device="meta")),
        Attention(probabilities=torch.zeros(1, 2, 5, 5, device="meta")),
    ],
    ids=["plain", "causal", "masked", "explicit"],
)
def test_what_is_asked_for_on_the_cpu_is_computed_where_the_attention_is(held: Attention) -> None:
    asked = torch.tensor([1, 3])
    assert rows(held, asked).shape == (2, 2, 5)
    assert columns(held, asked).shape == (2, 2, 5)
    assert column_means(held).shape == (2, 5)
    assert rows(held, asked).device.type == "meta"
    if held.query is not None:
        assert log_normaliser(held).shape == (2, 5)
