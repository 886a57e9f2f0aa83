"""timm's networks as ModelSpecs: every timm name, with or without a tag, is a catalogue id."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from fovea.models.catalog.spec import ModelSpec
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.catalog.weights.weights import fitting
from fovea.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping

# Attention mechanisms by timm's module for the architecture. Others are shown as capture finds
# them.
_MECHANISMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        [
            "vision_transformer",
            "deit",
            "eva",
            "beit",
            "naflexvit",
            "vision_transformer_hybrid",
            "vision_transformer_relpos",
            "cait",
            "crossvit",
            "pit",
            "swin_transformer",
            "swin_transformer_v2",
            "hiera",
            "levit",
            "volo",
        ],
        ("attention",),
    ),
    "tnt": ("attention", "transformer-in-transformer"),
    "byoanet": ("attention",),
    **dict.fromkeys(
        ["senet", "mobilenetv3", "efficientnet", "ghostnet", "rexnet", "repvit"],
        ("squeeze-excitation",),
    ),
}


def _timm() -> Any:
    """Imports timm lazily: it takes a second, and bundled networks do not need it."""
    declare_missing_operators()
    import timm

    return timm


@cache
def names() -> tuple[str, ...]:
    """Every pretrained name with its tag."""
    return tuple(_timm().list_pretrained())


def exists(name: str) -> bool:
    """Whether timm has this architecture and, if the name has a tag, these weights."""
    architecture, _, tag = name.partition(".")
    timm = _timm()
    if not timm.is_model(architecture):
        return False
    return not tag or name in names()


@cache
def _labels_of(subset: str) -> tuple[str, ...]:
    from timm.data import ImageNetInfo

    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(index) for index in range(info.num_classes()))


def _labels(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    from timm.data import infer_imagenet_subset

    subset = infer_imagenet_subset(config)
    return _labels_of(subset) if subset else None


def spec(name: str) -> ModelSpec:
    """The ModelSpec of a timm name, which must exist."""
    timm = _timm()
    config = timm.get_pretrained_cfg(name).to_dict()
    architecture = config["architecture"]
    full = f"{architecture}.{config['tag']}" if config.get("tag") else architecture
    family = timm.models.model_entrypoint(architecture).__module__.rsplit(".", 1)[-1]
    preprocessing = Preprocessing.from_timm(config)
    height, width = preprocessing.crop_px
    count = config["num_classes"]
    classes = f"{count:,} classes" if count else "features without a classifier"
    mechanisms = _MECHANISMS.get(family, ())
    if architecture.startswith("eca"):
        mechanisms = ("efficient-channel-attention",)
    elif architecture.startswith(("seresne", "legacy_se", "regnety")):
        mechanisms = ("squeeze-excitation",)
    return ModelSpec(
        id=full,
        title=f"{architecture} · {config.get('tag') or 'timm'}",
        summary=f"timm's {architecture} at {width}×{height} px, {classes}.",
        mechanisms=mechanisms,
        task="classification" if count else "features",
        source="hub",
        preprocessing=preprocessing,
        labels=_labels(config),
        licence=config.get("license"),
        repository=config.get("hf_hub_id"),
        card={"architecture": architecture, "tag": config.get("tag")},
    )


def build(spec: ModelSpec, tensors: dict[str, Tensor]) -> nn.Module:
    """The network with these weights, through timm's own loader and key filters, with or without a
    wrapper's name prefix; RuntimeError if they do not fit.
    """

    def filled(tensors: dict[str, Tensor]) -> nn.Module:
        module: nn.Module = _timm().create_model(
            spec.id, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}
        )
        return module

    try:
        return filled(dict(tensors))
    except RuntimeError:
        renamed = fitting(tensors, create(spec.id, {}).state_dict())
        if renamed.keys() == tensors.keys():
            raise
        return filled(renamed)


def search(text: str) -> Iterator[str]:
    """Names that contain every word of `text`."""
    words = text.lower().split()
    return (name for name in names() if all(word in name.lower() for word in words))


def architectures() -> list[str]:
    """Every architecture's name, with or without pretrained weights."""
    found: list[str] = _timm().list_models()
    return found


def create(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network of a timm name with random weights."""
    module: nn.Module = _timm().create_model(name, pretrained=False, **arguments)
    return module


def preprocessing(name: str) -> Preprocessing:
    """The preprocessing that timm uses for this network."""
    return Preprocessing.from_timm(_timm().get_pretrained_cfg(name).to_dict())
