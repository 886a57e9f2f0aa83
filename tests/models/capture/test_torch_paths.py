"""Watching changes nothing: torch takes the way that it takes unwatched, and no call fails."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fovea.models.capture import capture
from tests.models.capture.conftest import PHOTO, TOKENS, Block, Written, matrix, network

# torch tells of its nested tensors, and that tracing is old.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

BEHIND, BETWEEN = torch.zeros(2, 2, 6).bool().unbind(0)
BEHIND[0, 4:] = BEHIND[1, 5:] = True  # left aligned: torch makes a nested tensor of it
BETWEEN[0, 1] = True


def encoder(*, pre: bool = False, nested: bool = True, batch_first: bool = True) -> nn.Module:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, norm_first=pre, batch_first=batch_first)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested).eval()


def slowly(module: nn.Module, *args: Tensor, **kwargs: object) -> list[Tensor]:
    """The matrices by torch's own way without fused kernels."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), capture(module) as recording:
            module(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    return [matrix(site.attention) for site in recording.trace.sites]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("mask", [None, BEHIND, BETWEEN], ids=["none", "behind", "between"])
@pytest.mark.parametrize(
    "options",
    [{}, {"pre": True}, {"nested": False}, {"batch_first": False}],
    ids=["nested", "norm first", "not nested", "sequence first"],
)
def test_an_encoder_gives_the_same_bits_and_has_its_sites(
    options: dict[str, bool], mask: Tensor | None, dtype: torch.dtype
) -> None:
    module = encoder(**options).to(dtype)
    tokens = TOKENS.to(dtype)
    tokens = tokens if options.get("batch_first", True) else tokens.transpose(0, 1)
    with torch.no_grad():
        plain = module(tokens, src_key_padding_mask=mask)
        with capture(module) as recording:
            seen = module(tokens, src_key_padding_mask=mask)
    assert torch.equal(plain, seen)
    assert not recording.unseen
    sites = recording.trace.sites
    # The fused kernel belongs to the layer, the attention that is written out to its part.
    names = [site.name.removesuffix(".self_attn") for site in sites]
    assert names == ["layers.0", "layers.1"]
    tolerance = 5e-3 if dtype == torch.bfloat16 else 1e-6
    present = torch.ones(2, 6).bool() if mask is None else ~mask
    for site, expected in zip(
        sites, slowly(module, tokens, src_key_padding_mask=mask), strict=True
    ):
        off = (matrix(site.attention) - expected).abs().amax((1, 3))
        assert off[present].max() < tolerance, "rows of tokens that are padding are not compared"


@pytest.mark.parametrize(
    "options",
    [
        {"need_weights": True},
        {"key_padding_mask": BEHIND},
        {"attn_mask": torch.ones(6, 6).triu(1).bool()},
        {"attn_mask": torch.zeros(6, 6).masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)},
    ],
    ids=["weights", "padding", "causal", "added"],
)
def test_multi_head_attention_gives_the_same_bits(options: dict[str, object]) -> None:
    module = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    with torch.no_grad():
        plain = module(TOKENS, TOKENS, TOKENS, **options)
        with capture(module) as recording:
            seen = module(TOKENS, TOKENS, TOKENS, **options)
        told = module(TOKENS, TOKENS, TOKENS, **{**options, "need_weights": True})
    assert torch.equal(plain[0], seen[0])
    (site,) = recording.trace.sites
    assert (matrix(site.attention).mean(1) - told[1]).abs().max() < 1e-6


def test_nothing_is_left_on_torch() -> None:
    before = (
        torch.overrides.has_torch_function,
        F.has_torch_function,
        torch.compile,
        threading.Thread.start,
        ThreadPoolExecutor.submit,
    )
    module = encoder()
    with pytest.raises(ZeroDivisionError), capture(module), capture(module):
        raise ZeroDivisionError
    after = (
        torch.overrides.has_torch_function,
        F.has_torch_function,
        torch.compile,
        threading.Thread.start,
        ThreadPoolExecutor.submit,
    )
    assert before == after


class Threaded(Block):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        found: list[Tensor] = []
        thread = threading.Thread(
            target=lambda: found.append(super(Threaded, self).attend(q, k, v))
        )
        thread.start()
        thread.join()
        return found[0]


class Pooled(Block):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with ThreadPoolExecutor(2) as pool, torch.no_grad():
            return torch.cat(
                [
                    one.result()
                    for one in [
                        pool.submit(F.scaled_dot_product_attention, q[:, :2], k[:, :2], v[:, :2]),
                        pool.submit(F.scaled_dot_product_attention, q[:, 2:], k[:, 2:], v[:, 2:]),
                    ]
                ],
                1,
            )


class Checkpointed(Block):
    def forward(self, x: Tensor) -> Tensor:
        again: Tensor = checkpoint(super().forward, x, use_reentrant=False)
        return again


@pytest.mark.parametrize("block", [Written, Threaded, Checkpointed])
def test_however_a_block_runs_its_rows_are_the_same(
    block: Callable[[], nn.Module], expected: list[Tensor]
) -> None:
    module = network(block)
    plain = module(PHOTO)
    with capture(module) as recording:
        assert torch.equal(module(PHOTO), plain)
    found = [matrix(site.attention) for site in recording.trace.sites]
    assert [site.name for site in recording.trace.sites] == ["blocks.0", "blocks.1"]
    assert all((a - b).abs().max() < 1e-6 for a, b in zip(found, expected, strict=True))


def test_work_in_a_pool_is_seen_half_by_half(expected: list[Tensor]) -> None:
    module = network(Pooled)
    with torch.no_grad(), capture(module) as recording:
        module(PHOTO)
    assert [site.heads for site in recording.trace.sites] == [2, 2, 2, 2]
    found = [matrix(site.attention) for site in recording.trace.sites]
    for layer in range(2):
        for half in found[2 * layer : 2 * layer + 2]:
            parts = expected[layer][:, :2], expected[layer][:, 2:]
            assert min((half - part).abs().max() for part in parts) < 1e-6


@pytest.mark.parametrize("block", [Block, Written])
@pytest.mark.parametrize("name", ["vmap", "grad", "jacrev", "vmap of grad"])
def test_transforms_of_torch_func(
    name: str, block: Callable[[], nn.Module], expected: list[Tensor]
) -> None:
    module = network(block)

    def alone(photo: Tensor) -> Tensor:
        return module(photo[None])[0]

    def scalar(photo: Tensor) -> Tensor:
        return module(photo).sum()

    calls = {
        "vmap": lambda: torch.func.vmap(alone)(PHOTO.expand(2, -1, -1, -1).contiguous()),
        "grad": lambda: torch.func.grad(scalar)(PHOTO),
        "jacrev": lambda: torch.func.jacrev(module)(PHOTO),
        "vmap of grad": lambda: torch.func.vmap(torch.func.grad(lambda p: alone(p).sum()))(PHOTO),
    }
    plain = calls[name]()
    with capture(module) as recording:
        seen = calls[name]()
    assert torch.equal(plain, seen)
    sites = recording.trace.sites[:2]
    assert len(sites) == 2
    for site, known in zip(sites, expected, strict=True):
        for photo in matrix(site.attention):
            assert (photo - known[0]).abs().max() < 1e-6


def test_jagged_tensors_are_seen_without_their_padding() -> None:
    class Jagged(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            heads = x.unflatten(-1, (4, 8)).transpose(1, 2)
            return F.scaled_dot_product_attention(heads, heads, heads)

    parts = [torch.randn(5, 32), torch.randn(3, 32)]
    nested = torch.nested.nested_tensor(parts, layout=torch.jagged)
    with torch.no_grad(), capture(Jagged()) as recording:
        Jagged()(nested)
    (site,) = recording.trace.sites
    heads = parts[1].unflatten(-1, (4, 8)).transpose(0, 1)
    wanted = (heads.double() @ heads.double().mT * 8**-0.5).softmax(-1)
    assert (matrix(site.attention)[1, :, :3, :3] - wanted).abs().max() < 1e-6
    assert not matrix(site.attention)[1, :, :, 3:].any()


@pytest.mark.filterwarnings("ignore")
def test_torchscript_is_named() -> None:
    traced = torch.jit.trace(network(), PHOTO, check_trace=False)
    with torch.no_grad(), capture(traced) as recording:
        traced(PHOTO)
    assert not recording.trace.sites
    assert {one.what for one in recording.unseen} == {"part"}
    assert "TorchScript" in recording.unseen[0].reason
