"""Videos, volumes and pictures with words around them: a token is where its pixels are.

The truth comes from the networks themselves: a pixel is changed, and whichever keys of an attention
change were made of it. What mixes tokens before that attention is switched off.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.grids import PatchGrid
from fovea.models.maps.propagation import NotPossible
from fovea.models.maps.rollout import rollout
from fovea.models.records import Site, Trace
from fovea.models.running.observing import capture

declare_missing_operators()
import transformers as tf  # noqa: E402

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
FRAMES = {**SMALL, "image_size": 32, "num_frames": 4}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "num_key_value_heads": 2, "vocab_size": 100}
IMAGE = 90


class Volume(nn.Module):
    """A ViT of volumes, (photo, channel, depth, height, width), as MONAI cuts its patches."""

    def __init__(self, *, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand
        self.conv, self.linear = nn.Conv3d(1, 16, 4, 4), nn.Linear(64, 16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.by_hand:
            b, _, d, h, w = x.shape
            cut = x.reshape(b, 1, d // 4, 4, h // 4, 4, w // 4, 4).permute(0, 2, 4, 6, 3, 5, 7, 1)
            z = self.linear(cut.reshape(b, -1, 64))
        else:
            z = self.conv(x).flatten(2).transpose(1, 2)
        return self.attention(z, z, z, need_weights=False)[0]


def words(images: int) -> Tensor:
    return torch.tensor([[1, 2, *[IMAGE] * images, 3, 4, 5]])


def frozen(network: nn.Module) -> nn.Module:
    """The network with nothing that mixes tokens before its language model."""
    for name, parameter in network.named_parameters():
        out = "out_proj" in name or "projection_layer" in name or ".attn.proj" in name
        if out and "language" not in name:
            nn.init.zeros_(parameter)
        elif "mm_input_projection" in name:  # it begins as zeros
            nn.init.normal_(parameter)
    return network.eval()


def keys_of(site: Site) -> Tensor:
    """(window, key, number); of a matrix that the network made, (window, 1, number)."""
    held = site.attention
    if held.key is None:
        assert held.probabilities is not None
        return held.probabilities.flatten(1)[:, None]
    return held.key.transpose(1, 2).flatten(2)


def trace_of(network: nn.Module, call: Callable[[Tensor], object], photo: Tensor) -> Trace:
    with torch.no_grad(), capture(network) as trace:
        call(photo)
    return trace


def check_places(
    network: nn.Module,
    call: Callable[[Tensor], object],
    photo: Tensor,
    pixel: Callable[[list[float]], tuple],
    number: int,
    cells: int,
) -> Site:
    """Changes the pixel in the middle of each of some cells; exactly its tokens change.

    pixel: the index of the photo's entries at a point of the input, (depth,) row, column.
    """
    trace = trace_of(network, call, photo)
    site = [site for site in trace.sites if site.attends][number]
    assert site.layout is not None, site.note
    assert site.layout.keys is not None, site.note
    keys = site.layout.keys
    before = keys_of(site)
    assert keys.grid.axes is not None
    for cell in range(0, keys.grid.cells, max(1, keys.grid.cells // cells)):
        line, column = divmod(cell, keys.grid.columns)
        at = [line, column] if keys.grid.depth == 1 else [*divmod(line, keys.grid.rows), column]
        middle = [sum(axis.cell(i)) / 2 for axis, i in zip(keys.grid.axes, at, strict=True)]
        lit = photo.clone()
        lit[pixel(middle)] = 200
        again = [one for one in trace_of(network, call, lit).sites if one.attends][number]
        changed = ((keys_of(again) - before).abs() > 1e-5).any(-1)
        there = keys.cells == cell
        if changed.shape[1] == 1:  # a matrix: its window is all that can be told
            there = there.any(-1, keepdim=True)
        assert torch.equal(changed, there), (cell, at)
    return site


VIDEOS = {
    "VideoMAE": (
        lambda: tf.VideoMAEModel(tf.VideoMAEConfig(**FRAMES, patch_size=8, tubelet_size=2)),
        0,
        (PatchGrid(4, 4, depth=2), 0),
    ),
    "ViViT": (
        lambda: tf.VivitModel(tf.VivitConfig(**FRAMES, tubelet_size=[2, 8, 16])),
        0,
        (PatchGrid(4, 2, depth=2), 1),
    ),
    "TimeSformer": (
        lambda: tf.TimesformerModel(tf.TimesformerConfig(**FRAMES, patch_size=8)),
        0,
        None,
    ),
}


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_a_grid_with_time(name: str) -> None:
    torch.manual_seed(0)
    make, number, whole = VIDEOS[name]
    network = make().eval()
    site = check_places(
        network,
        lambda photo: network(pixel_values=photo),
        torch.randn(1, 4, 3, 32, 32),
        lambda at: (0, int(at[0]), slice(None), int(at[1]), int(at[2])),
        number,
        cells=6,
    )
    if whole is None:  # time and space are looked at apart
        assert site.layout.keys.grid == PatchGrid(4, 4, depth=4)
        assert site.layout.keys.cells.shape == (16, 4)
        return
    assert (site.grid, site.prefix_tokens) == whole
    found = rollout(
        trace_of(network, lambda x: network(pixel_values=x), torch.randn(1, 4, 3, 32, 32))
    )
    assert found.values.shape == site.grid.shape
    assert found.axes == ("depth", "row", "column")


@pytest.mark.parametrize("by_hand", [False, True], ids=["conv3d", "cut by hand"])
def test_a_volume_is_a_grid_with_depth(by_hand: bool) -> None:
    torch.manual_seed(0)
    network = Volume(by_hand=by_hand).eval()
    site = check_places(
        network,
        network,
        torch.randn(1, 1, 8, 12, 16),
        lambda at: (0, 0, int(at[0]), int(at[1]), int(at[2])),
        0,
        cells=24,
    )
    assert site.grid == PatchGrid(3, 4, depth=2)


def llava() -> tuple[nn.Module, Tensor, dict]:
    text, vision = tf.LlamaConfig(**TEXT), tf.CLIPVisionConfig(**VISION)
    config = tf.LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=IMAGE, vision_feature_layer=-1
    )
    return (
        tf.LlavaForConditionalGeneration(config),
        torch.randn(1, 3, 32, 32),
        {"input_ids": words(16)},
    )


def gemma3() -> tuple[nn.Module, Tensor, dict]:
    text = tf.Gemma3TextConfig(**TEXT, head_dim=8, layer_types=["full_attention"])
    config = tf.Gemma3Config(
        vision_config=tf.SiglipVisionConfig(**VISION),
        text_config=text,
        image_token_id=IMAGE,
        mm_tokens_per_image=4,
        boi_token_index=91,
        eoi_token_index=92,
    )
    kinds = torch.tensor([[0, 0, 1, 1, 1, 1, 0, 0, 0]])
    return (
        tf.Gemma3ForConditionalGeneration(config),
        torch.randn(1, 3, 32, 32),
        {
            "input_ids": words(4),
            "token_type_ids": kinds,
        },
    )


def internvl() -> tuple[nn.Module, Tensor, dict]:
    vision = tf.InternVLVisionConfig(**SMALL, image_size=[32, 32], patch_size=[8, 8])
    config = tf.InternVLConfig(
        vision_config=vision,
        text_config=tf.Qwen2Config(**TEXT),
        image_token_id=IMAGE,
        downsample_ratio=0.5,
    )
    return (
        tf.InternVLForConditionalGeneration(config),
        torch.randn(1, 3, 32, 32),
        {"input_ids": words(4)},
    )


LANGUAGE = {"LLaVA": (llava, (4, 4)), "Gemma 3": (gemma3, (2, 2)), "InternVL": (internvl, (2, 2))}


@pytest.mark.parametrize("name", LANGUAGE)
def test_a_picture_between_words(name: str) -> None:
    torch.manual_seed(0)
    make, (rows, columns) = LANGUAGE[name]
    network, photo, named = make()
    network = frozen(network)

    def call(pixels: Tensor) -> object:
        return network(pixel_values=pixels, **named)

    last = len([site for site in trace_of(network, call, photo).sites if site.attends]) - 1
    site = check_places(
        network, call, photo, lambda at: (0, slice(None), int(at[0]), int(at[1])), last, cells=4
    )
    assert (site.grid, site.prefix_tokens, site.suffix_tokens) == (PatchGrid(rows, columns), 2, 3)
    # The picture's own attention comes before: a product of the language model's layers is no map.
    with pytest.raises(NotPossible, match="every layer"):
        rollout(trace_of(network, call, photo))


class Reading(nn.Module):
    """A Fuyu: patches between words, straight into a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.words = nn.Conv2d(3, 16, 8, 8), nn.Embedding(100, 16)
        self.queries = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))

    def forward(self, photo: Tensor, ids: Tensor) -> Tensor:
        picture = self.patches(photo).flatten(2).transpose(1, 2)
        z = self.words(ids)
        z = z.masked_scatter((ids == IMAGE).unsqueeze(-1).expand_as(z), picture)
        for to_query in self.queries:
            held = [one[:, None] for one in (to_query(z), z, z)]
            z = z + F.scaled_dot_product_attention(*held, is_causal=True)[:, 0]
        return z


def test_the_last_word_is_what_asks() -> None:
    """Its first token looks at nothing but itself; rolled out is the last, by the matrices."""
    torch.manual_seed(0)
    network = Reading().eval()
    trace = trace_of(network, lambda photo: network(photo, words(6)), torch.randn(1, 3, 16, 24))
    assert {(site.grid, site.prefix_tokens, site.suffix_tokens) for site in trace.sites} == {
        (PatchGrid(2, 3), 2, 3)
    }
    rolled = torch.eye(11, dtype=torch.float64)
    for site in trace.sites:
        query, key = site.attention.query[0, 0].double(), site.attention.key[0, 0].double()
        scores = (query @ key.T / 4).masked_fill(torch.ones(11, 11).triu(1) > 0, -torch.inf)
        rolled = (scores.softmax(-1) + torch.eye(11)) / 2 @ rolled
    found = rollout(trace)
    assert "last token" in found.sentence
    torch.testing.assert_close(found.values.flatten().double(), rolled[-1, 2:8], atol=1e-6, rtol=0)


def test_pictures_of_patches_that_the_processor_cut() -> None:
    """Qwen-VL: rows of pixels, merged two by two; by the processor that belongs to it."""
    torch.manual_seed(0)
    vision = {
        "depth": 1,
        "embed_dim": 32,
        "hidden_size": 32,
        "num_heads": 4,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "mlp_ratio": 2,
    }
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    config = tf.Qwen2VLConfig(
        vision_config=vision,
        text_config={**TEXT, "rope_parameters": rope},
        image_token_id=IMAGE,
        video_token_id=91,
        vision_start_token_id=92,
        vision_end_token_id=93,
        bos_token_id=1,
        eos_token_id=2,
    )
    network = frozen(tf.Qwen2VLForConditionalGeneration(config))
    processor = tf.Qwen2VLImageProcessor(
        patch_size=4, temporal_patch_size=2, merge_size=2, do_resize=False
    )
    kinds = torch.tensor([[0, 0, *[1] * 6, 0, 0, 0]])

    def call(picture: Tensor) -> object:
        made = processor(images=[picture[0].numpy()], return_tensors="pt")
        return network(input_ids=words(6), mm_token_type_ids=kinds, **made)

    photo = torch.randint(0, 100, (1, 3, 16, 24), dtype=torch.uint8)

    def pixel(at: list[float]) -> tuple:
        return 0, slice(None), int(at[0]), int(at[1])

    first = check_places(network, call, photo, pixel, 0, cells=24)
    assert first.layout.keys.grid == PatchGrid(4, 6)
    language = check_places(network, call, photo, pixel, 1, cells=6)
    assert (language.grid, language.prefix_tokens) == (PatchGrid(2, 3), 2)


def test_patches_with_padding_behind_them() -> None:
    """SigLIP 2: as many rows for every picture, and how many of them are patches beside them."""
    config = tf.Siglip2VisionConfig(**SMALL, num_patches=16, patch_size=4)
    network = tf.Siglip2VisionModel(config).eval()
    patches = torch.randn(1, 20, 48)
    with torch.no_grad(), capture(network) as trace:
        network(
            pixel_values=patches,
            pixel_attention_mask=(torch.arange(20) < 18).long()[None],
            spatial_shapes=torch.tensor([[3, 6]]),
        )
    site = trace.sites[0]
    assert (site.grid, site.prefix_tokens, site.suffix_tokens) == (PatchGrid(3, 6), 0, 2)
    assert site.grid.axes[0].stride == 4
