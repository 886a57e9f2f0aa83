"""`fovea.maps`: what it lists as possible is what the library's own functions give."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fovea
from fovea import NotPossible, capture, explain, maps
from fovea.models.methods.registry import METHODS, NAMES
from fovea.models.networks import build

fovea.prepare  # noqa: B018 (the library makes torchvision importable)
import timm  # noqa: E402

SIZE = 64
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "class token": ("vit_tiny_patch16_224", {"depth": 2, "img_size": SIZE}),
    "no class token": (
        "vit_tiny_patch16_224",
        {"depth": 2, "img_size": SIZE, "class_token": False, "global_pool": "avg"},
    ),
    "windows": (
        "swin_tiny_patch4_window7_224",
        {"depths": [1, 1, 1, 1], "img_size": 112, "embed_dim": 24, "num_heads": [1, 2, 2, 2]},
    ),
    "convolutions": ("resnet10t", {}),
    "gates": ("test_efficientnet", {}),
}

MADE: dict[str, Callable[[nn.Module, Tensor, Any], object]] = {
    "attention": lambda net, photo, trace: fovea.attention(trace),
    "rollout": lambda net, photo, trace: fovea.rollout(trace),
    "dino": lambda net, photo, trace: fovea.dino(trace),
    "relevance": lambda net, photo, trace: explain.relevance(net, photo, 0),
    "legrad": lambda net, photo, trace: explain.legrad(net, photo, 0),
    "gradient-rollout": lambda net, photo, trace: explain.gradient_rollout(net, photo, 0),
    "attention-grad-cam": lambda net, photo, trace: explain.attention_grad_cam(net, photo, 0),
    "grad-cam": lambda net, photo, trace: fovea.grad_cam(net, photo, 0),
}


@cache
def network(name: str) -> tuple[nn.Module, Tensor]:
    builder, arguments = NETWORKS[name]
    torch.manual_seed(0)
    size = arguments.get("img_size", SIZE)
    return timm.create_model(builder, num_classes=4, **arguments).eval(), torch.rand(
        1, 3, size, size
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_is_possible_exactly_where_its_function_gives_it(name: str) -> None:
    net, photo = network(name)
    with capture(net) as trace:
        net(photo)
    listed = maps(net, photo)
    assert tuple(one.name for one in listed) == NAMES
    for map_name, make in MADE.items():
        try:
            make(net, photo, trace)
            made = True
        except (NotPossible, LookupError):
            made = False
        assert made == (listed[map_name].reason is None), (map_name, listed[map_name].reason)
    kinds = {site.kind for site in trace.sites}
    for kind in ("channel-gate", "spatial-gate", "strip-gate"):
        assert (listed[kind].reason is None) == (kind in kinds)


def test_a_trace_lists_the_same_as_its_network() -> None:
    net, photo = network("class token")
    with capture(net) as trace:
        net(photo)
    assert maps(trace) == maps(net, photo)


def test_a_listed_map_is_what_the_registry_says() -> None:
    for method, one in zip(METHODS, maps(*network("convolutions")), strict=True):
        described = (method.name, method.title, method.claim, method.equation, method.paper)
        assert (one.name, one.title, one.claim, one.equation, one.paper) == described
        assert one.options == method.schema["properties"]


def test_what_a_trace_cannot_tell_is_not_promised() -> None:
    net, photo = network("class token")
    with capture(net) as trace:
        net.forward_features(photo)
    listed = maps(trace)
    assert listed["rollout"].reason is None
    assert "only further passes" in str(listed["relevance"].reason)


def test_a_network_that_reads_has_no_maps_on_a_photo() -> None:
    text = build("text_transformer").eval()
    with capture(text) as trace, torch.no_grad():
        text(torch.tensor([[3, 4, 5]]), torch.tensor([[1, 4]]))
    assert "no photo" in str(maps(trace)["rollout"].reason)


def test_a_batch_is_asked_photo_by_photo() -> None:
    net, photo = network("class token")
    with capture(net) as batch:
        net(torch.cat([photo, photo]))
    with pytest.raises(ValueError, match=r"maps\(trace\[0\]\)"):
        maps(batch)
    with pytest.raises(ValueError, match=r"maps\(network, photo\)"):
        maps(net)
    assert maps(batch[1])["rollout"].reason is None
    with pytest.raises(KeyError, match="no map 'rolout'"):
        maps(batch[1])["rolout"]


def test_a_notebook_shows_a_table() -> None:
    listed = maps(*network("convolutions"))
    assert listed._repr_html_().count("<tr>") == len(METHODS) + 1
    assert repr(listed).splitlines()[NAMES.index("grad-cam")].split() == ["grad-cam", "possible"]


def test_timm_can_be_imported_behind_the_library() -> None:
    """Also where torch was built for the CPU and torchvision for CUDA."""
    script = "from fovea import capture; import timm; import torchvision"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)
