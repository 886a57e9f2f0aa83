"""Copies are made into memory that nobody holds any more, and only into that."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.tracing import buffers

SIZE = (1, 2, 128, 128)


def part(value: float) -> Tensor:
    """A part of a larger tensor, as query and key are of a fused projection."""
    return torch.full((*SIZE, 2), float(value))[..., 0]


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "_held", type(buffers._held)(list))
    monkeypatch.setattr(buffers, "_bytes", 0)


def test_memory_is_used_again_once_nobody_holds_it() -> None:
    first = buffers.copied(part(1))
    where = first.data_ptr()
    second = buffers.copied(part(2))
    assert second.data_ptr() != where
    assert (first == 1).all()
    del first
    assert buffers.copied(part(3)).data_ptr() == where
    assert (second == 2).all()


@pytest.mark.parametrize(
    "held",
    [lambda one: one[0, 1, 5:], lambda one: one.numpy(), lambda one: one.untyped_storage()],
    ids=["view", "numpy", "storage"],
)
def test_whatever_holds_a_part_of_it_keeps_it(held: object) -> None:
    copy = buffers.copied(part(1))
    where, rest = copy.data_ptr(), held(copy)  # type: ignore[operator]
    del copy
    other = buffers.copied(part(2))
    assert other.data_ptr() != where
    if not isinstance(rest, torch.UntypedStorage):
        assert (np.asarray(rest) == 1).all()


def test_what_was_made_in_inference_mode_stays_there() -> None:
    with torch.inference_mode():
        first = buffers.copied(part(1))
    del first
    copy = buffers.copied(part(2))
    assert not copy.is_inference()
    copy.add_(1)  # a person may write to it


def test_no_more_is_held_than_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    size = part(1).numel() * 4
    monkeypatch.setattr(buffers, "MOST_BYTES", 2 * size)
    copies = [buffers.copied(part(value)) for value in range(4)]
    assert buffers._bytes == 2 * size
    assert [float(one.mean()) for one in copies] == [0, 1, 2, 3]


class Attends(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = x.unflatten(-1, (3, 64)).unbind(-2)
        return nn.functional.scaled_dot_product_attention(q, k, v)


def test_a_trace_that_is_kept_keeps_its_numbers() -> None:
    network, photos = Attends(), torch.randn(3, 1, 4, 512, 192)
    traces = []
    for photo in photos:
        with torch.no_grad(), capture(network) as recording:
            network(photo)
        traces.append(recording.trace)
        del recording
    for photo, trace in zip(photos, traces, strict=True):
        query = photo.unflatten(-1, (3, 64))[..., 0, :]
        assert torch.equal(trace.sites[0].attention.query, query)
