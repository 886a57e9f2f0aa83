"""What an analysis lists is what it has: every map and every view of many kinds of network."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.methods.registry import NAMES
from tests.server.conftest import Running

SOURCE = '''
import torch
from torch import nn


class Blind(nn.Module):
    """A network of one's own: a frozen backbone under no_grad, and attention on top of it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, photos):
        with torch.no_grad():
            tokens = self.patches(photos).flatten(2).transpose(1, 2)
            tokens = tokens + self.attention(tokens, tokens, tokens)[0]
        return self.head(tokens.mean(1))


class ByHand(nn.Module):
    """Blocks with a class token made by hand, and a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        layer = dict(d_model=16, nhead=2, dim_feedforward=32, batch_first=True)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(**layer) for _ in range(2))
        self.head = nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, photos):
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.token.expand(len(photos), -1, -1), tokens), 1)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.head(tokens[:, 0])


class Plain(nn.Module):
    """Two convolutions: nothing attends."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        self.head = nn.Linear(8, 4)

    def forward(self, photos):
        return self.head(self.body(photos).mean((2, 3)))
'''

SIZE = 64
TIMM: dict[str, tuple[str, int, dict[str, Any]]] = {
    "class-token": ("vit_tiny_patch16_224", SIZE, {"depth": 2, "img_size": SIZE}),
    "registers": ("vit_tiny_patch16_224", SIZE, {"depth": 2, "img_size": SIZE, "reg_tokens": 4}),
    "averaged": (
        "vit_tiny_patch16_224",
        SIZE,
        {"depth": 2, "img_size": SIZE, "class_token": False, "global_pool": "avg"},
    ),
    "pooled-by-attention": (
        "vit_tiny_patch16_224",
        SIZE,
        {"depth": 2, "img_size": SIZE, "class_token": False, "global_pool": "map"},
    ),
    "rotary": ("test_vit3", 160, {}),
    "swin": (
        "swin_tiny_patch4_window7_224",
        112,
        {"depths": [1, 1, 1, 1], "img_size": 112, "embed_dim": 24, "num_heads": [1, 2, 2, 2]},
    ),
    "pvt": ("pvt_v2_b0", SIZE, {"depths": [1, 1, 1, 1]}),
    "mobilevit": ("mobilevit_xxs", SIZE, {}),
    "cait": ("cait_xxs24_224", SIZE, {"depth": 2, "img_size": SIZE}),
    "xcit": ("xcit_nano_12_p16_224", SIZE, {"depth": 2, "img_size": SIZE}),
    "efficientnet": ("test_efficientnet", SIZE, {}),
    "resnet": ("resnet10t", SIZE, {}),
}
OWN = {"blind": "Blind", "by-hand": "ByHand", "plain": "Plain"}
SHIPPED = (
    "tnt", "se_resnet", "cbam_resnet", "sa_resnet", "stn_digits", "sa_unet", "captioner",
)  # fmt: skip


def describe(folder: Path, name: str, builder: str, size: int, arguments: dict[str, Any]) -> None:
    """A network's description in a folder of models; its weights lie beside it."""
    given = "\n".join(f"{key} = {json.dumps(value)}" for key, value in arguments.items())
    (folder / f"{name}.toml").write_text(
        f'builder = "{builder}"\nweights = "{name}.safetensors"\n\n[arguments]\n{given}\n\n'
        f"[preprocessing]\nsize = {size}\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
    )


@pytest.fixture(scope="module")
def zoo(
    serve: Callable[..., Running], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A server with small networks of timm and of one's own, with seeded random weights."""
    declare_missing_operators()
    import timm

    folder, code = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("code")
    (code / "nets_that_are_listed.py").write_text(SOURCE)
    sys.path.insert(0, str(code))
    own = import_module("nets_that_are_listed")
    made: dict[str, nn.Module] = {}
    for name, (builder, size, arguments) in TIMM.items():
        torch.manual_seed(0)
        made[name] = timm.create_model(builder, pretrained=False, num_classes=4, **arguments)
        describe(folder, name, f"timm:{builder}", size, {"num_classes": 4, **arguments})
    for name, factory in OWN.items():
        torch.manual_seed(0)
        made[name] = getattr(own, factory)()
        describe(folder, name, f"nets_that_are_listed:{factory}", SIZE, {})
    for name, module in made.items():
        save_file(module.state_dict(), folder / f"{name}.safetensors")
    yield serve(models_dir=folder, default_model="vit")
    sys.path.remove(str(code))
    sys.modules.pop("nets_that_are_listed", None)


def checked(server: Running, offer: dict[str, Any], what: str) -> bool:
    """Whether an offer can be had, after asking for it: 200 exactly where no reason is given."""
    answer = server.client.get(offer["href"])
    expected = 200 if offer["reason"] is None else 409
    assert answer.status_code == expected, (what, offer["name"], offer["reason"], answer.text[:300])
    if offer["reason"] is not None:
        assert answer.json()["detail"] == offer["reason"], (what, offer["name"])
    return offer["reason"] is None


def asked_sites(sites: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last of each kind, of those with windows and of those whose places are not known."""
    groups = {(site["kind"], site["windows"] is None, site["grid"] is None): site for site in sites}
    return list(groups.values())


def check_all(server: Running, analysis: dict[str, Any]) -> set[str]:
    """Asks for every map and for the views of some sites; the names of the maps that there are."""
    assert [offer["name"] for offer in analysis["maps"]] == list(NAMES)
    had = {offer["name"] for offer in analysis["maps"] if checked(server, offer, analysis["model"])}
    for site in asked_sites(analysis["sites"]):
        assert site["views"]
        for view in site["views"]:
            checked(server, view, f"{analysis['model']} {site['id']}")
    return had


CLASS_MAPS = {"relevance", "gradient-rollout", "legrad"}
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "class-token": ({"rollout", "dino", "attention-grad-cam", *CLASS_MAPS}, {"grad-cam"}),
    "registers": ({"rollout", "dino", "attention-grad-cam", *CLASS_MAPS}, {"grad-cam"}),
    "averaged": ({"rollout", *CLASS_MAPS}, {"dino", "attention-grad-cam", "grad-cam"}),
    "pooled-by-attention": ({"rollout", "relevance"}, {"legrad", "dino"}),
    "rotary": ({"rollout"}, {"grad-cam"}),
    "swin": ({"attention", "received"}, {"rollout", "dino", *CLASS_MAPS}),
    "pvt": ({"attention"}, {"rollout", *CLASS_MAPS}),
    "mobilevit": ({"attention", "grad-cam"}, {"rollout"}),
    "xcit": ({"attention"}, {"rollout"}),
    "efficientnet": ({"channel-gate", "grad-cam"}, {"attention", "rollout"}),
    "resnet": ({"grad-cam"}, {"attention", "channel-gate"}),
    "blind": ({"attention", "rollout"}, {"relevance", "gradient-rollout", "head-importance"}),
    "by-hand": ({"rollout", "relevance", "dino"}, {"legrad"}),
    "plain": ({"grad-cam"}, {"attention", "rollout"}),
    "cbam_resnet": ({"channel-gate", "spatial-gate", "grad-cam"}, {"rollout", "grid"}),
    "stn_digits": ({"grid", "warped"}, {"grad-cam", "rollout"}),
    "sa_unet": ({"mask", "attention"}, {"relevance", "grad-cam"}),
    "captioner": ({"attention", "relevance", "received"}, {"grad-cam", "legrad", "mask"}),
}


@pytest.mark.parametrize("model", [*TIMM, *OWN, *SHIPPED])
def test_a_map_is_listed_as_possible_exactly_where_it_comes(
    zoo: Running, picture: Callable[[int], bytes], model: str
) -> None:
    had = check_all(zoo, zoo.analyse(picture(0), model))
    possible, refused = EXPECTED.get(model, (set(), set()))
    assert possible <= had, possible - had
    assert not refused & had, refused & had


def test_of_a_sentence_too(zoo: Running) -> None:
    sent = {"text": "the cat sees a dog", "model": "text_transformer"}
    had = check_all(zoo, zoo.client.post("/v1/analyses", json=sent).json())
    assert had == {"attention", "positions", "relevance"}


def test_the_reason_is_the_true_one(zoo: Running, picture: Callable[[int], bytes]) -> None:
    listed = {one["name"]: one for one in zoo.analyse(picture(0), "swin")["maps"]}
    assert "only 1 of 4 layers" in listed["rollout"]["reason"]
    assert listed["rollout"]["reason_key"] == "partial-chain"
    assert listed["rollout"]["reason_parameters"] == {"model": "swin", "chain": 1, "layers": 4}
    assert listed["dino"]["options"]["properties"]["mass"]["default"] == 0.6
