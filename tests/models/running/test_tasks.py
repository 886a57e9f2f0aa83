"""What networks that segment or write are asked, what they answer, and which tokens are words."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fovea.models import networks
from fovea.models.grids import PatchGrid
from fovea.models.kinds.attention.rows import rows
from fovea.models.networks.decoder import END
from fovea.models.preprocessing import Preprocessing, blank
from fovea.models.running import tasks
from fovea.models.running.inference import run

LABELS = ("<pad>", "<start>", "<end>", "<unknown>", *(f"w{index}" for index in range(8)))
SIZE = 48


@pytest.fixture(scope="module")
def captioner() -> nn.Module:
    torch.manual_seed(3)
    small: dict[str, Any] = {"dim": 24, "depth": 1, "heads": 2, "word_dim": 16, "word_heads": 2}
    network = networks.build("captioner", words=len(LABELS), image_size=SIZE, **small)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def translator() -> nn.Module:
    torch.manual_seed(3)
    network = networks.build("text_transformer", words=len(LABELS), dim=16, depth=1, heads=2)
    return network.eval().requires_grad_(False)


class Answers(nn.Module):
    """Writes what it is told to, whatever it is shown."""

    def __init__(self, *indices: int) -> None:
        super().__init__()
        self.indices = indices

    def generate(self, inputs: Tensor) -> Tensor:
        return torch.tensor([[*self.indices], [1] * len(self.indices)])


def test_words_end_where_the_end_is() -> None:
    written = tasks.write(Answers(1, 5, 6, 2, 0, 0), torch.zeros(1))
    assert written.tolist() == [[1, 5, 6, 2]]
    assert tasks.write(Answers(1, 5, 6), torch.zeros(1)).tolist() == [[1, 5, 6]]


def test_row_t_of_a_decoder_is_what_counted_when_word_t_was_written(captioner: nn.Module) -> None:
    photo = torch.randn(1, 3, SIZE, SIZE)
    layouts = tasks.survey(captioner, "captioning", photo)
    words = torch.tensor([[1, 7, 4, 9, 5]])
    logits, (trace,) = run(captioner, photo, layouts, words)
    for step in range(words.shape[1]):
        some, (earlier,) = run(captioner, photo, layouts, words[:, : step + 1])
        assert (some[0, -1] - logits[0, step]).abs().max() < 1e-5
        for site, before in zip(trace.sites, earlier.sites, strict=True):
            if site.layout is None or site.layout.query_words is None:
                continue
            row = rows(site.attention)[:, step]
            then = rows(before.attention)[:, -1]
            assert (row[:, : then.shape[1]] - then).abs().max() < 1e-5
            assert row[:, then.shape[1] :].abs().sum() == 0


def test_words_of_a_captioner_are_told_from_its_patches(captioner: nn.Module) -> None:
    photo = torch.randn(1, 3, SIZE, SIZE)
    layouts = tasks.survey(captioner, "captioning", blank(_picture()))
    for length in (1, 2, 36):  # as many words as patches, too
        _, (trace,) = run(captioner, photo, layouts, torch.full((1, length), 5))
        seen = [
            (site.grid, site.layout.query_words, site.layout.key_words, site.layout.keys)
            for site in trace.sites
            if site.layout is not None
        ]
        grid = PatchGrid(6, 6)
        encoder, *decoder = seen
        assert encoder[:3] == (grid, None, None)
        for own, cross in zip(decoder[::2], decoder[1::2], strict=True):
            assert own == (None, "written", "read", None)
            assert cross[:3] == (None, "written", None)
            assert cross[3].grid == grid
            assert cross[3].cells.tolist() == [list(range(36))]


def test_sentences_of_equal_length_are_told_apart(translator: nn.Module) -> None:
    layouts = tasks.survey(translator, "sequence", None)
    source, words = torch.tensor([[5, 6, 7, 2]]), torch.tensor([[1, 4, 8, 6]])
    _, (trace,) = run(translator, source, layouts, words)
    found = [(site.layout.query_words, site.layout.key_words) for site in trace.sites]  # type: ignore[union-attr]
    assert found == [("source", "source"), ("written", "read"), ("written", "source")]


def test_a_sentence_knows_its_words_and_their_probabilities() -> None:
    words = torch.tensor([1, 5, 9, 3, 2])
    logits = torch.randn(4, len(LABELS), dtype=torch.float64)
    sentence = tasks.sentence_of(logits, words, LABELS, ("w0", "w1"))
    assert sentence.text == "w1 w5 <unknown>"
    assert sentence.labels("written") == ("w1", "w5", "<unknown>", "<end>")
    assert sentence.labels("read") == ("<start>", "w1", "w5", "<unknown>")
    assert sentence.labels("source") == ("w0", "w1", "<end>")
    for place, word in enumerate(sentence.written):
        shares = logits[place].exp() / logits[place].exp().sum()
        assert word.score == pytest.approx(float(shares[words[place + 1]]), rel=1e-5)


def test_a_mask_is_the_most_probable_class_of_every_place() -> None:
    logits = torch.zeros(3, 2, 4)
    logits[1, 0] = 1
    logits[2, 1, 3] = 5
    mask = tasks.mask_of(logits, ("other", "wall"))
    assert mask.classes.tolist() == [[1, 1, 1, 1], [0, 0, 0, 2]]
    assert mask.counts == (3, 4, 1)
    assert mask.labels == ("other", "wall", "class 2")


def test_text_becomes_words_or_letters_that_are_known() -> None:
    assert tasks.words_of("  W3 w1\n w3 ", LABELS) == ("w3", "w1", "w3")
    assert tasks.ids_of(("w3", "w1"), LABELS).tolist() == [[7, 5, END]]
    letters = (*LABELS[:4], "a", "b")
    assert tasks.words_of("ab BA", letters) == ("a", "b", "b", "a")
    assert tasks.words_of(" a b", (*letters, " ")) == ("a", " ", "b")
    with pytest.raises(tasks.UnknownWords) as error:
        tasks.words_of("w1 <end> cow w1 cow", LABELS)
    assert error.value.words == ("<end>", "cow")
    assert error.value.known == LABELS[4:]


def _picture() -> Preprocessing:
    return Preprocessing(SIZE, (SIZE, SIZE), "bilinear", (0.5,) * 3, (0.5,) * 3)
