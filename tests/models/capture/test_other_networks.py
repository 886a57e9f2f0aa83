"""Other people's networks: what is captured equals what their own explicit paths compute."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.coverage.counting import SOFTMAX, count
from benchmarks.coverage.small.transformers_hub import transformers_families
from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import PatchGrid
from fovea.models.kinds.attention.rows import rows
from fovea.models.places.layout import place, survey
from fovea.models.places.layout_kinds import layout_kind
from fovea.models.records import Attention, Trace

declare_missing_operators()


def matrix(attention: Attention) -> Tensor:
    """(batch·head, query, key): every matrix of a site."""
    whole = attention.probabilities
    if whole is None:
        parts = [
            rows(Attention(q[None], k[None], mask, attention.scale, attention.causal))
            for q, k, mask in zip(attention.query, attention.key, masks(attention), strict=True)
        ]
        whole = torch.stack(parts)
    return whole.flatten(0, 1).float()


def masks(attention: Attention) -> Iterator[Tensor | None]:
    for index in range(attention.shape[0]):
        mask = attention.mask
        yield mask if mask is None or mask.shape[0] == 1 else mask[index : index + 1]


def furthest(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest difference of the expected matrices to those found, each matched with its own."""
    left = [one.reshape(-1, *one.shape[-2:]) for one in found]
    worst = 0.0
    for one in expected:
        wanted = one.reshape(-1, *one.shape[-2:]).float()
        differences = [
            float((other - wanted).abs().max()) if other.shape == wanted.shape else 2.0
            for other in left
        ]
        nearest = min(range(len(left)), key=differences.__getitem__)
        worst = max(worst, differences[nearest])
        left.pop(nearest)
    return worst


class Softmaxes(TorchDispatchMode):
    """The result of every softmax that runs, taken at the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Tensor] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in ("_softmax", "_safe_softmax"):
            self.results.append(result)
        return result


TIMM = {
    "vit_tiny_patch16_224": {"depth": 2},
    "deit_tiny_distilled_patch16_224": {"depth": 2},
    "eva02_tiny_patch14_224": {"depth": 2, "img_size": 112},
    "beit_base_patch16_224": {"depth": 1, "embed_dim": 96, "num_heads": 3},
    "swin_tiny_patch4_window7_224": {"depths": (2, 2), "embed_dim": 24, "num_heads": (1, 2)},
    "pvt_v2_b0": {"depths": (1, 1, 1, 1)},
    "vit_relpos_small_patch16_224": {"depth": 1},
    "maxvit_pico_rw_256": {"depths": (1, 1, 1, 1)},
    "twins_svt_small": {"depths": (1, 1, 1, 1)},
    "hiera_tiny_224": {"stages": (1, 1, 1, 1)},
}


@pytest.mark.parametrize("name", TIMM)
def test_timm_fused_equals_explicit(name: str) -> None:
    import timm

    torch.manual_seed(0)
    module = timm.create_model(name, **TIMM[name]).eval()
    size = TIMM[name].get("img_size", module.pretrained_cfg["input_size"][-1])
    photo = torch.randn(1, 3, size, size)
    with torch.inference_mode(), capture(module) as recording:
        module(photo)
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
    explicit = Softmaxes()
    with torch.no_grad(), explicit:
        module(photo)
    found = [matrix(site.attention) for site in recording.trace.sites if site.kind == "attention"]
    assert len(found) == len(explicit.results)
    assert furthest(found, explicit.results) < 1e-5


def test_talking_heads_are_captured_as_they_weigh_the_values() -> None:
    import timm

    torch.manual_seed(0)
    module = timm.create_model("cait_xxs24_224", depth=1, depth_token_only=1).eval()
    mixed: list[Tensor] = []
    attention = module.blocks[0].attn
    attention.attn_drop.register_forward_hook(lambda _, __, output: mixed.append(output))
    with torch.inference_mode(), capture(module) as recording:
        module(torch.randn(1, 3, 224, 224))
    site = recording.trace.sites[0]
    assert site.name == "blocks.0.attn"
    assert (site.attention.probabilities - mixed[0]).abs().max() < 1e-6
    assert (site.attention.probabilities.sum(-1) - 1).abs().max() > 0.01
    assert "changed between its softmax and the product" in site.note


def returned_by(module: nn.Module, inputs: dict) -> list[Tensor]:
    """Every attention matrix that a transformers model returns when it is asked for them."""
    module.set_attn_implementation("eager")
    with torch.inference_mode():
        output = module(**inputs, output_attentions=True)
    found: list[Tensor] = []

    def collect(value: object, name: str) -> None:
        if isinstance(value, Tensor) and "attention" in name:
            found.append(value)
        elif hasattr(value, "items"):
            for key, part in value.items():
                collect(part, key)
        elif isinstance(value, list | tuple):
            for part in value:
                collect(part, name)

    collect(output, "")
    return found


FAMILIES = {family.name: family for family in transformers_families()}


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_fused_equals_eager(name: str) -> None:
    module, inputs, _ = FAMILIES[name].build()
    for parameter in module.parameters():  # some begin at zero, and would attend evenly
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    with torch.inference_mode(), capture(module) as recording:
        module(**inputs)
    found = [matrix(site.attention) for site in recording.trace.sites if site.kind == "attention"]
    expected = [
        # Deformable attention returns (photo, query, head, level, point).
        one.flatten(3).transpose(1, 2) if one.ndim == 5 else one
        for one in returned_by(module, inputs)
    ]
    # Some leave out a tower, a pooling head, or all but a stage's last block.
    assert 2 <= len(expected) <= len(found)
    assert furthest(found, expected) < 1e-5


SAMPLE = {  # name: (attention, gates)
    "gcresnext26ts": (8, 0),  # softmax over places pools a context
    "lambda_resnet26t": (3, 0),  # softmax of the keys
    "sehalonet33ts": (4, 6),
    "skresnet18": (0, 8),  # softmax over two branches
    "resnest14d": (0, 4),
    "efficientformerv2_s0": (5, 0),  # heads mixed by a convolution
    "mobilevitv2_050": (9, 0),  # weighed one by one, then summed
    "convit_tiny": (12, 0),  # blended with a learned softmax of positions by a learned gate
    "efficientvim_m1": (6, 2),  # and sigmoids of parameters, which are none
    "poolformer_s12": (0, 0),
    "ghostnetv3_050": (0, 7),  # and gates entry by entry, which are none
}


@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_is_missed_and_nothing_invented(name: str) -> None:
    import timm

    torch.manual_seed(0)
    module = timm.create_model(name).eval()
    size = module.pretrained_cfg["input_size"][-1]
    photo = torch.randn(1, 3, size, size)
    with torch.inference_mode(), capture(module) as recording:
        module(photo)
    kinds = [site.kind for site in recording.trace.sites]
    gates = sum(kind.endswith("gate") for kind in kinds)
    assert (kinds.count("attention"), gates) == SAMPLE[name]
    # What runs below, however it was asked for.
    uses = [use for use in count(module, {"x": photo}) if not use.constant]
    softmaxes = sum(use.what == SOFTMAX for use in uses)
    softmax_gates = sum(
        "softmax" in (site.note or "") for site in recording.trace.sites if site.kind != "attention"
    )
    assert kinds.count("attention") + softmax_gates == softmaxes
    sigmoids = [use for use in uses if use.what != SOFTMAX and not use.entry_by_entry]
    resized = [use for use in sigmoids if "upsample" in use.went_into]
    assert gates - softmax_gates == len(sigmoids) - len(resized)


def placed(name: str) -> Trace:
    module, inputs, _ = FAMILIES[name].build()
    with torch.inference_mode(), capture(module) as recording:
        module(**inputs)
    return place(recording.trace, survey(module, **inputs))


def test_object_queries_have_no_place_and_what_they_look_at_has() -> None:
    sites = placed("detr").sites
    assert [layout_kind(site) for site in sites] == [
        *("global", "global"),  # the encoder's patches
        *("placeless", "cross", "placeless", "cross"),
    ]
    encoder, cross = sites[0], sites[3]
    assert (encoder.grid, encoder.prefix_tokens) == (PatchGrid(4, 6), 0)
    assert cross.layout.queries is None
    assert cross.layout.queries_nowhere
    assert cross.layout.keys.cells.tolist() == [list(range(24))]
    assert cross.note == "10 queries without places look at 24 patches."


@pytest.mark.parametrize("name", ["blip", "vision_encoder_decoder: vit, gpt2"])
def test_words_look_at_patches_and_at_words(name: str) -> None:
    sites = placed(name).sites
    among_words = [site for site in sites if layout_kind(site) == "placeless"]
    at_patches = [site for site in sites if layout_kind(site) == "cross"]
    assert len(among_words) == len(at_patches) == 2
    assert all("not of the photo" in site.note for site in among_words)
    for site in at_patches:  # the class token, then the patches
        assert site.layout.keys.cells.tolist() == [[-1, *range(64)]]


def test_registers_are_prefix_tokens_of_a_grid_that_is_not_square() -> None:
    for site in placed("dinov2_with_registers").sites:
        assert (site.grid, site.prefix_tokens) == (PatchGrid(4, 6), 5)
