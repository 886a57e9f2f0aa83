"""Networks whose attention is known exactly: every matrix and gradient in float64, by autograd."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property

import pytest
import torch
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.places.layout import Layouts, survey
from fovea.models.records import Map, Trace
from fovea.models.running.inference import run_for_class
from tests.real_weights import IMAGENET_VIT, real_weights


def close(got: Tensor, expected: Tensor) -> bool:
    """Within 1e-4 of the largest value."""
    return bool((got.double() - expected).abs().max() <= 1e-4 * expected.abs().max())


def vit(**options: object) -> nn.Module:
    """A random ViT of timm's."""
    declare_missing_operators()
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(3)
    return VisionTransformer(
        patch_size=8, embed_dim=48, depth=4, num_heads=3, num_classes=10, **options
    ).eval()


@dataclass(frozen=True, eq=False)
class Exact:
    """A network, a photo and a class; and in float64, unfused, with every matrix in the graph:

    matrices, gradients: (head, N, N) a layer, ∂logit/∂A. streams: the output of each block.
    """

    module: nn.Module
    photo: Tensor
    target: int
    prefix: int
    layouts: Layouts
    trace: Trace
    twin: nn.Module
    held: list[Tensor]
    streams: list[Tensor]
    logits: Tensor

    @cached_property
    def matrices(self) -> list[Tensor]:
        return [one.detach()[0] for one in self.held]

    @cached_property
    def gradients(self) -> list[Tensor]:
        return self.gradients_of(self.logits[0, self.target])

    def gradients_of(self, scalar: Tensor) -> list[Tensor]:
        found = torch.autograd.grad(scalar, self.held, retain_graph=True, materialize_grads=True,
                                    allow_unused=True)  # fmt: skip
        return [one[0] for one in found]

    def row_is(self, row: Tensor, found: Map) -> bool:
        """Whether a map is a row of a token×token matrix, without its prefix."""
        assert found.prefix is not None
        return close(torch.cat((found.prefix, found.values.flatten())), row)


def _exact(module: nn.Module, photo: Tensor, target: int) -> Exact:
    layouts = survey(module, photo)
    _, trace = run_for_class(module, photo, target, layouts)
    twin, held, streams = deepcopy(module).double(), [], []
    for block in twin.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, out: held.append(out))
        block.register_forward_hook(lambda _, __, out: streams.append(out))
    logits = twin(photo.double().requires_grad_())
    prefix = module.num_prefix_tokens
    return Exact(module, photo, target, prefix, layouts, trace, twin, held, streams, logits)


def real_vit() -> nn.Module:
    """The ImageNet ViT-Ti; for tests marked `real`."""
    from fovea.models.catalog.catalog import Catalog

    return Catalog(real_weights(), offline=True).load(IMAGENET_VIT).module


def _photo(*shape: int) -> Tensor:
    return torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(4))


def _cat() -> Tensor:
    from skimage.data import chelsea

    cropped = torch.from_numpy(chelsea()[:224, 100:324].copy()).permute(2, 0, 1)
    return (cropped[None] / 255 - 0.5) / 0.5


def _of_imagenet() -> Exact:
    return _exact(real_vit(), _cat(), 285)


CASES: dict[str, Callable[[], Exact]] = {
    "class token": lambda: _exact(vit(img_size=(32, 32)), _photo(32, 32), 7),
    "registers, 5×8 patches": lambda: _exact(
        vit(img_size=(40, 64), reg_tokens=4), _photo(40, 64), 7
    ),
    "ImageNet ViT-Ti": _of_imagenet,
}


@cache
def _made(name: str) -> Exact:
    return CASES[name]()


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.real] if case is _of_imagenet else [])
        for name, case in CASES.items()
    ],
    ids=list(CASES),
    scope="module",
)
def exact(request: pytest.FixtureRequest) -> Exact:
    return _made(request.param)
