"""Fovea beside widely used tools: time and peak memory on the same network and photos.

Every peer is compared with Fovea's equivalent, from photos to maps, on a network that the peer
supports: ViT-S/14 as written by timm, transformers and torchvision, and a ResNet-18. Peak memory is
measured in a process of its own each; times are single-thread CPU time in one process, alternating,
so that they are valid on a busy machine too. Peers that are not installed are skipped and named.
`python -m benchmarks.peers 518x1` measures that setting alone, and `python -m benchmarks.peers
518x8 "grad-cam on a ViT"` that peer.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import matrix_forms
from benchmarks.maps import TARGET
from benchmarks.maps import network as timm_vit
from benchmarks.memory import SMALL_PX, Setup, peak
from benchmarks.timing import table, take_turns
from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.maps import rollout
from fovea.models.methods.making import for_class as explain
from fovea.models.methods.making.grad_cam import grad_cam
from fovea.models.places.layout import Layouts, survey
from fovea.models.running.inference import run

PATCH_PX = 14
SETTINGS = {"224x1": (224, 1, 5), "518x1": (518, 1, 2), "224x8": (224, 8, 2), "518x8": (518, 8, 1)}
"""Photo size in px, batch size, rounds."""

Run = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """A peer and Fovea's equivalent. Both take a network and photos and return a function to time.

    needs: packages without which the peer cannot be measured.
    """

    peer: str
    fovea: str
    network: Callable[[int], nn.Module]
    theirs: Callable[[nn.Module, Tensor], Run]
    ours: Callable[[nn.Module, Tensor, Layouts], Run]
    needs: tuple[str, ...] = ()


# Networks ---------------------------------------------------------------------------------------


def _transformers_vit(px: int) -> nn.Module:
    declare_missing_operators()
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536,
        image_size=px, patch_size=PATCH_PX, num_labels=1000,
    )  # fmt: skip
    module: nn.Module = ViTForImageClassification(config)
    return module.eval().requires_grad_(False)


def _torchvision_vit(px: int) -> nn.Module:
    declare_missing_operators()
    from torchvision.models.vision_transformer import VisionTransformer

    module: nn.Module = VisionTransformer(px, PATCH_PX, 12, 6, 384, 1536)
    return module.eval().requires_grad_(False)


def _resnet(px: int) -> nn.Module:
    declare_missing_operators()
    import timm

    module: nn.Module = timm.create_model("resnet18")
    return module.eval().requires_grad_(False)


# Fovea ------------------------------------------------------------------------------------------


def _captured(module: nn.Module, photos: Tensor, layouts: Layouts) -> Run:
    def go() -> object:
        with torch.inference_mode(), capture(module) as recording:
            module(photos)
        return recording.trace

    return go


def _rollouts(discard: float) -> Callable[[nn.Module, Tensor, Layouts], Run]:
    def ours(module: nn.Module, photos: Tensor, layouts: Layouts) -> Run:
        def go() -> object:
            if len(photos) == 1:
                return explain.rollout(module, photos, discard=discard, layouts=layouts)
            _, traces = run(module, photos, layouts)
            with torch.inference_mode():
                return [rollout.rollout(trace, discard=discard) for trace in traces]

        return go

    return ours


def _one_by_one(make: Callable[..., object]) -> Callable[[nn.Module, Tensor, Layouts], Run]:
    def ours(module: nn.Module, photos: Tensor, layouts: Layouts) -> Run:
        return lambda: [make(module, photo, TARGET, layouts) for photo in photos.split(1)]

    return ours


# Peers ------------------------------------------------------------------------------------------


def _attention_extract(module: nn.Module, photos: Tensor) -> Run:
    from timm.utils import AttentionExtract

    extract = AttentionExtract(matrix_forms.unfused(module), method="hook")

    def go() -> object:
        with torch.inference_mode():
            return extract(photos)

    return go


def _vit_explain(module: nn.Module, photos: Tensor) -> Run:
    hooked = matrix_forms.Hooked(module)
    return lambda: matrix_forms.vit_explain(hooked, photos)


def _output_attentions(module: nn.Module, photos: Tensor) -> Run:
    module.set_attn_implementation("eager")  # type: ignore[operator]

    def go() -> object:
        with torch.inference_mode():
            return module(photos, output_attentions=True).attentions

    return go


def _grad_cam_of(
    layer: Callable[[Any], nn.Module], reshape: Callable[[Tensor], Tensor] | None
) -> Callable[[nn.Module, Tensor], Run]:
    def theirs(module: nn.Module, photos: Tensor) -> Run:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        # As its users run it: parameters require gradients.
        module.requires_grad_(True)
        cam = GradCAM(model=module, target_layers=[layer(module)], reshape_transform=reshape)
        wanted = [ClassifierOutputTarget(TARGET)] * len(photos)
        return lambda: cam(photos, wanted)

    return theirs


def _tokens_as_picture(tokens: Tensor) -> Tensor:
    side = int((tokens.shape[1] - 1) ** 0.5)
    picture: Tensor = tokens[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    return picture


def _torchcam_legrad(module: nn.Module, photos: Tensor) -> Run:
    from torchcam.methods import LeGrad

    layers: Any = module.encoder.layers  # type: ignore[union-attr]
    extractor = LeGrad(module, list(layers))

    def go() -> object:
        with torch.enable_grad():
            scores = module(photos)
            return extractor(TARGET, scores, normalized=False)

    return go


PAIRS = {
    pair.peer: pair
    for pair in (
        Pair("timm AttentionExtract", "capture", timm_vit, _attention_extract, _captured),
        Pair(
            "transformers output_attentions", "capture", _transformers_vit, _output_attentions,
            _captured, needs=("transformers",),
        ),
        Pair(
            "vit-explain's recipe", "rollout, discard 0.9", timm_vit, _vit_explain, _rollouts(0.9)
        ),
        Pair(
            "torch-cam LeGrad", "LeGrad", _torchvision_vit, _torchcam_legrad,
            _one_by_one(explain.legrad), needs=("torchcam",),
        ),
        Pair(
            "grad-cam on a ViT", "relevance", timm_vit,
            _grad_cam_of(lambda vit: vit.blocks[-1].norm1, _tokens_as_picture),
            _one_by_one(explain.relevance), needs=("pytorch_grad_cam",),
        ),
        Pair(
            "grad-cam on a ResNet-18", "Grad-CAM", _resnet,
            _grad_cam_of(lambda resnet: resnet.layer4[-1], None),
            _one_by_one(lambda module, photo, target, _: grad_cam(module, photo, target)),
            needs=("pytorch_grad_cam",),
        ),
    )
}  # fmt: skip


def contender(asked: Setup) -> Run:
    """`peer NAME` or `fovea NAME`, ready to run."""
    torch.manual_seed(0)
    side, _, name = asked.name.partition(" ")
    pair = PAIRS[name]
    module = pair.network(asked.px)
    photos = torch.randn(asked.batch, 3, asked.px, asked.px)
    if side == "peer":
        return pair.theirs(module, photos)
    # Token positions are found once for each network, when it is loaded.
    layouts = survey(module, torch.zeros(1, 3, asked.px, asked.px))
    return pair.ours(module, photos, layouts)


def _row(pair: Pair, px: int, batch: int, rounds: int) -> list[str]:
    sides = [Setup(f"{side} {pair.peer}", px, batch) for side in ("fovea", "peer")]
    for one in sides:  # loads code and libraries
        contender(one._replace(px=SMALL_PX))()
    pairs = [contender(one) for one in sides]
    ours, theirs = take_turns(pairs, rounds, warm_up=False, clock=time.process_time)
    del pairs
    memory, kept = (peak("benchmarks.peers", one) for one in sides)
    return [
        pair.peer,
        pair.fovea,
        f"{px} px × {batch}",
        f"{theirs.median_ms:.0f} ms",
        f"{ours.median_ms:.0f} ms",
        f"{ours.against(theirs):.2f}",
        f"{kept / 1e6:.0f} MB",
        f"{memory / 1e6:.0f} MB",
        f"{memory / kept:.3f}",
    ]


HEADER = (
    "peer", "Fovea", "photos", "time: peer", "Fovea", "ratio", "memory: peer", "Fovea", "ratio",
)  # fmt: skip


def main(chosen: Sequence[str] = ()) -> None:
    """Prints the table, row by row as it is measured. chosen: settings and peers; all if empty."""
    torch.set_num_threads(1)
    rows, missing = [], []
    settings = [one for one in chosen if one in SETTINGS] or list(SETTINGS)
    peers = [one for one in chosen if one not in SETTINGS] or list(PAIRS)
    for pair in (PAIRS[name] for name in peers):
        lacking = [name for name in pair.needs if importlib.util.find_spec(name) is None]
        if lacking:
            missing.append(f"{pair.peer} (no {', '.join(lacking)})")
            continue
        for setting in settings:
            rows.append(_row(pair, *SETTINGS[setting]))
            print(" | ".join(rows[-1]), flush=True)
    print(f"\none thread, float32; not installed: {', '.join(missing) or 'none'}\n")
    print(table(HEADER, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
