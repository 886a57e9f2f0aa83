"""Maps by name: which there are, which class they are for, and what a network cannot have."""

import pytest
import torch

from fovea.models.catalog.spec import ModelSpec
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Attention, PatchGrid, Site, Trace
from fovea.server import problems
from fovea.server.answers import methods


def trace(prefix: int = 1) -> Trace:
    torch.manual_seed(0)
    tensors = Attention(
        query=torch.randn(1, 3, 6 + prefix, 4), key=torch.randn(1, 3, 6 + prefix, 4)
    )
    return Trace((Site("s00", "attention", 0, "attn", tensors, PatchGrid(2, 3), prefix),))


SPEC = ModelSpec(
    id="net",
    title="Net",
    summary="A network.",
    mechanisms=("attention",),
    task="classification",
    source="bundled",
    preprocessing=Preprocessing(8, (8, 8), "bilinear", (0.5,) * 3, (0.5,) * 3),
    labels=("Egyptian cat", "tabby, tabby cat", "3"),
)


def test_rollout_adds_up_to_one() -> None:
    found = methods.of_trace("rollout", trace(), SPEC, methods.Options())
    assert found.values.shape == (2, 3)
    assert found.prefix is not None
    assert found.values.sum() + found.prefix.sum() == pytest.approx(1, abs=1e-5)


def test_dino_has_heads() -> None:
    every = methods.of_trace("dino", trace(), SPEC, methods.Options(head="all"))
    assert (every.values.shape, every.axes) == ((3, 2, 3), ("head", "row", "column"))
    one = methods.of_trace("dino", trace(), SPEC, methods.Options(head="2"))
    assert (one.values == every.values[2]).all()
    assert "head 2" in one.sentence


def test_what_a_network_cannot_have_is_said() -> None:
    with pytest.raises(problems.MapNotPossible, match="self-attention"):
        methods.of_trace("rollout", Trace(()), SPEC, methods.Options())
    with pytest.raises(problems.MapNotPossible, match="no class token"):
        methods.of_trace("dino", trace(prefix=0), SPEC, methods.Options())
    with pytest.raises(problems.UnknownMap, match="rollout, gradient-rollout, relevance"):
        methods.method_of("saliency")


@pytest.mark.parametrize(
    ("target", "index"),
    [(None, 1), ("0", 0), ("egyptian CAT", 0), ("tabby", 1), (" tabby, tabby cat ", 1), ("3", 2)],
)
def test_classes_by_number_and_label(target: str | None, index: int) -> None:
    assert methods.target_of(target, SPEC, predicted=1) == index


@pytest.mark.parametrize("target", ["3e5", "-1", "99999999999999999999", "dog", "", "nan"])
def test_unknown_classes_are_refused(target: str) -> None:
    with pytest.raises(problems.InvalidParameter, match="0 to 2"):
        methods.target_of(target, SPEC, predicted=1)


def test_without_classes_there_is_no_map_for_one() -> None:
    with pytest.raises(problems.MapNotPossible):
        methods.target_of("0", SPEC, predicted=None)
