"""What capture promises beyond the values: same bits, nothing left behind, any thread, any mode."""

import copy
import gc
import threading
import weakref

import pytest
import torch
from torch import nn

from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.records import UnknownSite

declare_missing_operators()
import timm  # noqa: E402 (after the operators are declared)

NETWORKS = {
    "vit_tiny_patch16_224": ("attention", 12),
    "vit_small_patch14_reg4_dinov2": ("attention", 12),
    "swin_tiny_patch4_window7_224": ("attention", 12),
    "botnet26t_256": ("attention", 3),
    "tnt_s_patch16_224": ("attention", 24),
    "legacy_seresnet18": ("channel-gate", 8),
    "ecaresnet26t": ("channel-gate", 8),
    "efficientnet_b0": ("channel-gate", 16),
    "mobilenetv3_small_100": ("channel-gate", 9),
    "skresnet18": ("channel-gate", 8),
    "convit_tiny": ("attention", 12),
    "mobilevitv2_050": ("attention", 9),
}
SMALL = {"vit_small_patch14_reg4_dinov2": {"img_size": 112}}


def build(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    module = timm.create_model(name, **SMALL.get(name, {})).eval()
    size = SMALL.get(name, {}).get("img_size", module.pretrained_cfg["input_size"][-1])
    return module, torch.randn(1, 3, size, size)


def state_of(module: nn.Module) -> list[tuple[str, int, int, tuple[str, ...]]]:
    """Everything a tool could leave on a module: hooks, attributes, a replaced forward."""
    return [
        (name, len(m._forward_hooks), len(m._forward_pre_hooks), tuple(sorted(vars(m))))
        for name, m in module.named_modules()
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_unmodified_networks_give_their_sites_and_the_same_bits(name: str) -> None:
    module, x = build(name)
    before = state_of(module)
    with torch.inference_mode():
        plain = module(x)
        with capture(module) as recording:
            captured = module(x)
    assert torch.equal(plain, captured)
    kind, count = NETWORKS[name]
    assert [site.kind for site in recording.trace.sites] == [kind] * count
    paths = dict(module.named_modules())
    assert all(site.name in paths for site in recording.trace.sites)
    assert [site.layer for site in recording.trace.sites] == list(range(count))
    assert state_of(module) == before


def test_sites_come_in_order_of_execution_with_their_paths() -> None:
    module, x = build("vit_tiny_patch16_224")
    with capture(module) as recording:
        module(x)
    trace = recording.trace
    assert [site.name for site in trace.sites] == [f"blocks.{i}.attn" for i in range(12)]
    assert trace.site("s03").name == "blocks.3.attn"
    with pytest.raises(UnknownSite, match=r"s99.*s00, s01"):
        trace.site("s99")


def test_a_part_of_the_network_called_alone_keeps_its_path() -> None:
    module, x = build("vit_tiny_patch16_224")
    with capture(module) as recording:
        module.forward_features(x)  # not through a call of the network itself
        module.blocks[3](torch.randn(1, 197, 192))
    names = [site.name for site in recording.trace.sites]
    assert names == [*(f"blocks.{i}.attn" for i in range(12)), "blocks.3.attn"]


def test_gradients_flow_as_without_capture() -> None:
    module, x = build("vit_tiny_patch16_224")
    module(x)[0, 0].backward()
    expected = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    with capture(module) as recording:
        module(x)[0, 0].backward()
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter.grad, expected[name]), name
    assert not any(s.attention.query.requires_grad for s in recording.trace.sites)


def test_nothing_stays_after_an_exception() -> None:
    class Breaks(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.inner(x)
            raise RuntimeError("on purpose")

    vit, x = build("vit_tiny_patch16_224")
    module = Breaks(vit)
    before = state_of(module)
    with pytest.raises(RuntimeError, match="on purpose"), capture(module) as recording:
        module(x)
    assert state_of(module) == before
    assert len(recording.trace.sites) == 12
    recorded = len(recording.trace.sites)
    vit(x)
    assert len(recording.trace.sites) == recorded


def test_nested_captures_see_the_same() -> None:
    module, x = build("vit_tiny_patch16_224")
    with capture(module) as outer, capture(module) as inner:
        module(x)
    assert len(outer.trace.sites) == len(inner.trace.sites) == 12
    for a, b in zip(outer.trace.sites, inner.trace.sites, strict=True):
        assert torch.equal(a.attention.query, b.attention.query)


def test_two_threads_on_one_module_never_share_a_trace() -> None:
    module, _ = build("vit_tiny_patch16_224")
    inputs = [torch.randn(1, 3, 224, 224) for _ in range(2)]
    start, traces = threading.Barrier(2), [None, None]

    def work(index: int) -> None:
        with torch.inference_mode(), capture(module) as recording:
            start.wait()
            for _ in range(3):
                module(inputs[index])
        traces[index] = recording.trace

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, trace in enumerate(traces):
        assert len(trace.sites) == 36
        with torch.inference_mode(), capture(module) as alone:
            module(inputs[index])
        for repeat in range(3):
            for expected, got in zip(alone.trace.sites, trace.sites[12 * repeat :], strict=False):
                assert torch.equal(expected.attention.query, got.attention.query)


def test_a_batch_splits_into_its_photos() -> None:
    module, _ = build("swin_tiny_patch4_window7_224")
    photos = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        with capture(module) as both:
            module(photos)
        with capture(module) as second:
            module(photos[1:])
    split = both.trace.split(2)
    for whole, alone in zip(split[1].sites, second.trace.sites, strict=True):
        assert whole.attention.shape == alone.attention.shape
        difference = whole.attention.probabilities - alone.attention.probabilities
        assert difference.abs().max() < 1e-4


def test_half_precision_is_kept_as_it_ran() -> None:
    module, x = build("vit_tiny_patch16_224")
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        capture(module) as recording,
    ):
        module(x)
    assert {s.attention.query.dtype for s in recording.trace.sites} == {torch.bfloat16}


def test_a_recording_keeps_no_tensor_that_is_no_site() -> None:
    module = nn.Identity()
    with capture(module):
        unused = torch.randn(1, 4, 8, 8).softmax(-1)
        alive = weakref.ref(unused)
        del unused
        gc.collect()
        assert alive() is None


def test_a_copy_made_inside_is_still_plain() -> None:
    module, x = build("vit_tiny_patch16_224")
    with torch.inference_mode(), capture(module):
        twin = copy.deepcopy(module)
        module(x)
    assert state_of(twin) == state_of(module)
