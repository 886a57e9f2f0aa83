"""The captioner: words see no later word, captions end, and its attention lies on the photo."""

import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.mechanisms.attention import MultiHeadAttention
from fovea.models.mechanisms.positions import sinusoidal_table
from fovea.models.networks import build
from fovea.models.networks.decoder import END, LONGEST, PAD, START, UNKNOWN, WordDecoder

WORDS = 30


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build("captioner", words=WORDS, depth=2).eval()


@pytest.fixture(scope="module")
def photos() -> Tensor:
    return torch.randn(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def test_the_captioner_that_ships_stays_small() -> None:
    parameters = sum(parameter.numel() for parameter in build("captioner").parameters())
    assert parameters < 2_500_000


def test_a_later_word_changes_nothing_before_it(network: nn.Module, photos: Tensor) -> None:
    words = torch.tensor([[START, 5, 9, 7, 12]])
    changed = torch.tensor([[START, 5, 9, 20, 21]])
    with torch.inference_mode():
        before, after = network(photos[:1], words), network(photos[:1], changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3:] - after[:, 3:]).abs().max() > 1e-3


def test_the_photo_changes_what_is_said(network: nn.Module, photos: Tensor) -> None:
    words = torch.tensor([[START, 5]])
    with torch.inference_mode():
        one, other = network(photos[:1], words), network(photos[1:2], words)
    assert (one - other).abs().max() > 1e-4


def attention(module: MultiHeadAttention, x: Tensor, context: Tensor, causal: bool) -> Tensor:
    """Vaswani et al. 2017, section 3.2, head by head in float64."""
    query, key, value = module.query(x), module.key(context), module.value(context)
    width = x.shape[1] // module.heads
    heads = []
    for head in range(module.heads):
        part = slice(head * width, (head + 1) * width)
        scores = query[:, part] @ key[:, part].T / width**0.5
        if causal:
            later = torch.ones_like(scores).triu(1).bool()
            scores = scores.masked_fill(later, float("-inf"))
        heads.append(scores.softmax(dim=1) @ value[:, part])
    out: Tensor = module.output(torch.cat(heads, dim=1))
    return out


def test_the_decoder_is_the_papers() -> None:
    torch.manual_seed(1)
    decoder = WordDecoder(WORDS, 16, 2, 4, 32).double().eval()
    memory = torch.randn(7, 16, dtype=torch.float64)
    words = torch.tensor([START, 4, 8, 15])
    x = decoder.embedding(words) * 4 + sinusoidal_table(LONGEST, 16)[:4]
    for block in decoder.blocks:
        normed = block.norm1(x)
        x = x + attention(block.self_attention, normed, normed, causal=True)
        x = x + attention(block.cross_attention, block.norm2(x), memory, causal=False)
        x = x + block.mlp(block.norm3(x))
    expected = decoder.norm(x) @ decoder.embedding.weight.T
    got = decoder(memory.unsqueeze(0), words.unsqueeze(0))[0]
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_end_at_end(network: nn.Module, photos: Tensor, beams: int) -> None:
    written = network.generate(photos, beams=beams, longest=8)
    assert written.dtype == torch.int64
    assert written.shape[0] == 3
    assert written.shape[1] <= 9
    for row in written.tolist():
        assert row[0] == START
        body = row[1:]
        assert not {START, UNKNOWN} & set(body)
        if END in body:
            assert set(body[body.index(END) + 1 :]) <= {PAD}
        else:
            assert len(body) == 8
            assert PAD not in body


def test_an_eager_end_ends_every_caption_at_once(network: nn.Module, photos: Tensor) -> None:
    torch.manual_seed(2)
    eager = build("captioner", words=WORDS, depth=1).eval()
    with torch.no_grad():
        eager.decoder.norm.weight.zero_()
        eager.decoder.norm.bias.copy_(20 * eager.decoder.embedding.weight[END])
    assert eager.generate(photos).tolist() == [[START, END]] * 3


def test_photos_are_captioned_together_as_alone(network: nn.Module, photos: Tensor) -> None:
    together = network.generate(photos, beams=2, longest=6)
    for index in range(len(photos)):
        alone = network.generate(photos[index : index + 1], beams=2, longest=6)[0]
        row = together[index]
        assert row[: len(alone)].tolist() == alone.tolist()
        assert set(row[len(alone) :].tolist()) <= {PAD}


def test_capture_sees_patches_words_and_words_on_patches(
    network: nn.Module, photos: Tensor
) -> None:
    words = torch.tensor([[START, 5, 9, 7, 12, 6]])
    with torch.inference_mode(), capture(network) as recording:
        network(photos[:1], words)
    sites = recording.trace.sites
    shapes = [(site.attention.shape[2], site.attention.shape[3]) for site in sites]
    assert shapes == [(196, 196)] * 2 + [(6, 6), (6, 196)] * 2
    assert [site.attention.causal for site in sites] == [False] * 2 + [True, False] * 2


def test_several_texts_of_a_photo_share_its_memory(network: nn.Module, photos: Tensor) -> None:
    words = torch.tensor([[START, 5, 9], [START, 7, 4], [START, 6, 6], [START, 9, 5]])
    with torch.inference_mode():
        memory = network.memory(photos[:2])
        together = network.decoder(memory, words)
        apart = network.decoder(memory.repeat_interleave(2, dim=0), words)
    torch.testing.assert_close(together, apart)


def test_features_are_the_patches_on_their_grid(network: nn.Module, photos: Tensor) -> None:
    embedding, patches = network.features(photos)
    assert (embedding.shape, patches.shape) == ((3, 192), (3, 192, 14, 14))
    torch.testing.assert_close(patches.mean(dim=(2, 3)), embedding)
    tokens = network.encoder(photos)
    torch.testing.assert_close(patches[:, :, 3, 5], tokens[:, 3 * 14 + 5])


def test_what_does_not_fit_is_refused(network: nn.Module, photos: Tensor) -> None:
    with pytest.raises(ValueError, match="no multiple of 8"):
        build("captioner", image_size=100)
    with pytest.raises(ValueError, match="the positions end at 64"):
        network(photos[:1], torch.full((1, LONGEST + 1), START))
    with pytest.raises(ValueError, match="at least 1"):
        network.generate(photos[:1], longest=0)
