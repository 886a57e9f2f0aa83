"""Edits where torch computes an attention in its own ways: an encoder layer as one kernel, flex
attention, half precision, compiled and scripted networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from fovea.models.editing.run import NOT_MET, edit
from fovea.models.edits import Edit, RefusedEdit, block, mean, off, skip, uniform
from fovea.models.running.observing import capture
from tests.models.editing.small_networks import PHOTO, net, seeded


class Encoder(nn.Module):
    """Torch's own layers, which run as one kernel each while nobody looks inside."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.embed = nn.Conv2d(3, 32, 8, 8)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, photo: Tensor) -> Tensor:
        return self.layers(self.embed(photo).flatten(2).transpose(1, 2)).square().mean(1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_a_head_of_an_encoder_layer_is_off(mode: Callable[[], Any]) -> None:
    network = Encoder().eval()
    with mode():
        plain = network(PHOTO)
        with edit(network) as run:
            assert torch.equal(run(PHOTO), plain)  # the fused kernel as before
        with edit(network, off("s01", heads=[1])) as run, capture(network):
            found = run(PHOTO)
        assert run.notes == ()
    network.layers.layers[1].self_attn.out_proj.weight.data[:, 8:16] = 0  # type: ignore[union-attr, operator, index]
    with mode():
        assert torch.allclose(found, network(PHOTO), atol=1e-6)
        assert not torch.allclose(found, plain, atol=1e-4)


class Flexible(nn.Module):
    def __init__(self, kernel: Callable[..., Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kernel, self.embed = kernel, nn.Conv2d(3, 32, 8, 8)
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, photo: Tensor) -> Tensor:
        x = self.embed(photo).flatten(2).transpose(1, 2)
        q, k, v = (one.unflatten(-1, (4, 8)).transpose(1, 2) for one in self.qkv(x).chunk(3, -1))
        return self.out(self.kernel(q, k, v).transpose(1, 2).flatten(2)).square().mean(1)  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(
    "change",
    [off("s00", heads=[1]), mean("s00"), uniform("s00", heads=[0]), block("s00", keys=[[1, 1]])],
    ids=lambda one: one.edit,
)
def test_flex_attention_takes_the_edits_of_the_fused_kernel(change: Edit) -> None:
    found = []
    for kernel in (flex_attention, F.scaled_dot_product_attention):
        network = Flexible(kernel).eval()
        with torch.no_grad(), edit(network, change) as run:
            found.append(run(PHOTO))
        assert run.notes == ()
    assert torch.allclose(*found, atol=1e-6)


def test_shares_below_half_precision_are_no_masked_ones() -> None:
    """A sharp row, whose far keys half precision rounds to nothing: they may be looked at still."""
    network = net(written=True)
    with torch.no_grad():
        network.blocks[0].qkv.weight[:64] *= 8
    with torch.no_grad(), edit(network, uniform("s00")) as run:
        wanted = run(PHOTO)
        plain = network.blocks[0].parts(seeded(1, 17, 32))
    assert float((plain[0] @ plain[1].transpose(-2, -1)).abs().max()) > 17  # e^-17 is no half
    network = network.half()
    with torch.no_grad(), edit(network, uniform("s00")) as run:
        found = run(PHOTO.half())
    assert found.dtype == torch.float16
    assert torch.allclose(found.float(), wanted, atol=1e-2)


@pytest.mark.filterwarnings("ignore:.*compiled")
def test_a_compiled_network_takes_the_same_edits() -> None:
    network = net()
    compiled = torch.compile(net(), backend="eager")
    for change in (off("s00", heads=[0]), skip("s01")):
        with torch.no_grad(), edit(network, change) as run:
            wanted = run(PHOTO)
        with torch.no_grad(), edit(compiled, change) as run:
            assert torch.equal(run(PHOTO), wanted)


@pytest.mark.filterwarnings("ignore")
def test_a_script_is_refused_before_it_runs() -> None:
    script = torch.jit.trace(net(), PHOTO)
    with pytest.raises(RefusedEdit, match="TorchScript"), edit(script, off("s00")):
        pass
    with edit(script) as run:
        run(PHOTO)


def test_an_edit_that_was_not_made_is_said() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own, self.looks = net(), True

        def forward(self, photo: Tensor) -> Tensor:
            if self.looks:
                return self.own(photo)  # type: ignore[no-any-return]
            return photo.mean((1, 2, 3))

    network = Sometimes().eval()
    with torch.no_grad(), edit(network, off("s01")) as run:
        run(PHOTO)
        assert run.notes == ()
        network.looks = False
        run(PHOTO)
        assert run.notes == (NOT_MET,)
