"""The networks that demonstrate the mechanisms, by name."""

from collections.abc import Callable
from typing import Any

from torch import nn

from fovea.models.networks.captioner import Captioner
from fovea.models.networks.cifar_resnet import CifarResNet
from fovea.models.networks.digit_fcn import DigitFCN
from fovea.models.networks.gated_resnet import GatedResNet
from fovea.models.networks.stn import DigitSTN, SignSTN
from fovea.models.networks.text_transformer import TextTransformer
from fovea.models.networks.tnt import TransformerInTransformer
from fovea.models.networks.unet import UNet
from fovea.models.networks.vit import VisionTransformer

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "gated_resnet": GatedResNet,
    "vit": VisionTransformer,
    "stn": DigitSTN,
    "sign_stn": SignSTN,
    "digit_fcn": DigitFCN,
    "tnt": TransformerInTransformer,
    "captioner": Captioner,
    "text_transformer": TextTransformer,
    "cifar_resnet": CifarResNet,
    "unet": UNet,
}


def build(name: str, **arguments: Any) -> nn.Module:
    """The network called name, with random weights; ValueError lists the valid names."""
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; valid: {', '.join(NETWORKS)}")
    return NETWORKS[name](**arguments)
