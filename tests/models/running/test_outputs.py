"""The tensors in whatever a network gives back."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from fovea.models.running.outputs import tensor_of, tensors_of

ONE, TWO = torch.ones(1, 3), torch.zeros(1, 2)


@dataclass
class Plain:
    note: str
    scores: Tensor
    more: Any = None


Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize("output", [
    ONE, (ONE, TWO), [ONE], {"aux": TWO, "logits": ONE}, Plain("a", ONE, TWO), Pair(ONE, TWO),
    {"out": [ONE, TWO]}, ("text", None, {"x": Plain("b", ONE)}), [[[ONE]]],
])  # fmt: skip
def test_the_most_telling_tensor(output: Any) -> None:
    assert tensor_of(output) is ONE


def test_of_a_transformers_output_it_is_the_logits() -> None:
    from fovea.models.catalog.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    from transformers.modeling_outputs import ImageClassifierOutput

    assert tensor_of(ImageClassifierOutput(loss=TWO, logits=ONE)) is ONE
    assert [*map(id, tensors_of({"b": TWO, "logits": ONE}))] == [id(ONE), id(TWO)]


def test_without_a_tensor_it_is_told() -> None:
    with pytest.raises(TypeError, match="a dict without a tensor"):
        tensor_of({"a": "b"})
