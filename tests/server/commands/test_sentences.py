"""`fovea explain` on sentences, and for a word that a network wrote: values, pictures, pages."""

import html
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.models.capture import capture
from fovea.models.catalog.catalog import Catalog
from fovea.models.methods.making.for_class import word_relevance
from fovea.models.running.tasks import ids_of, write
from fovea.server.commands.planning import plan_sentences
from fovea.server.wire import render
from tests.server.commands.conftest import ROOT, SUNFLOWER, told

SENTENCE = "the cat sees a dog"
ENGLISH = [*SENTENCE.split(), "<end>"]
FRENCH = ["le", "chat", "voit", "un", "chien", "<end>"]

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def translated() -> tuple[Any, Any, list[Any]]:
    """(the network as it ships, what it wrote, (query, key) of each attention), by hand."""
    loaded = Catalog().load("text_transformer")
    inputs = ids_of(SENTENCE.split(), loaded.spec.labels)
    wrote = write(loaded.module, inputs).clone()
    with torch.inference_mode(), capture(loaded.module) as recording:
        loaded.module(inputs, wrote[:, :-1])
    held = [site.attention for site in recording.trace.sites]
    assert [loaded.spec.labels[index] for index in wrote[0, 1:]] == FRENCH
    return loaded, wrote, held


def softmaxed(attention: Any) -> np.ndarray[Any, Any]:
    """(query, key): the mean over heads of softmax(q·k·scale + mask), in double precision."""
    scores = attention.query[0].double() @ attention.key[0].double().transpose(-1, -2)
    scores = scores * attention.scale
    if attention.mask is not None:
        mask = attention.mask.expand(1, *scores.shape)[0]
        gone = torch.zeros_like(scores).masked_fill(~mask, -torch.inf)
        scores = scores + (gone if mask.dtype == torch.bool else mask)
    return scores.softmax(-1).mean(0).numpy()


def test_a_sentence_is_a_matrix_of_its_words(
    tmp_path: Path, translated: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, held = translated
    out = tmp_path / "s.npy"
    assert told("explain", "--text", SENTENCE, "-o", out) == 0
    assert f"“{SENTENCE}”: “le chat voit un chien” → " in capsys.readouterr().out
    assert np.abs(np.load(out) - softmaxed(held[-1])).max() < 1e-5

    model = ("--model", "text_transformer", "--layer")
    assert told("explain", "--text", SENTENCE, *model, 0, "--query", 2, "-o", out) == 0
    assert np.abs(np.load(out) - softmaxed(held[0])[2]).max() < 1e-5
    masked = next(i for i, one in enumerate(held) if one.mask is not None or one.causal)
    assert told("explain", "--text", SENTENCE, *model, masked, "-o", out) == 0
    above = np.triu_indices(len(FRENCH), 1)
    assert np.abs(np.load(out)[above]).max() == 0


def test_positions_of_words(tmp_path: Path) -> None:
    """Of sinusoids the cosine is a mean of cosines of the distance (Vaswani et al. 2017)."""
    out = tmp_path / "s.npy"
    common = ("explain", "--text", SENTENCE, "--map", "positions", "-o", out)
    assert told(*common) == 0
    places, rates = np.arange(len(ENGLISH)), 10000 ** -(np.arange(32) / 32)
    expected = np.cos((places[:, None] - places)[..., None] * rates).mean(-1)
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)
    assert told(*common, "--words", "read", "--query", "2") == 0
    assert np.load(out).shape == (len(FRENCH),)


@pytest.mark.parametrize("word", ["chien", "CHIEN", "4"])
def test_a_written_word_is_named_by_itself_or_its_place(
    word: str, tmp_path: Path, translated: Any
) -> None:
    loaded, wrote, held = translated
    out = tmp_path / "s.npy"
    common = ("explain", "--text", SENTENCE, "--word", word, "-o", out)
    assert told(*common) == 0
    assert np.abs(np.load(out) - softmaxed(held[-1])[4]).max() < 1e-5
    assert told(*common, "--map", "relevance") == 0
    inputs = ids_of(SENTENCE.split(), loaded.spec.labels)
    expected = word_relevance(loaded.module, inputs, wrote, 4, loaded.layouts).values.numpy()
    assert np.abs(np.load(out) - expected).max() < 1e-5 * expected.max()
    assert expected.argmax() == ENGLISH.index("dog")


def test_a_word_that_was_read_is_looked_at(tmp_path: Path, translated: Any) -> None:
    *_, held = translated
    out = tmp_path / "s.npy"
    assert told("explain", "--text", SENTENCE, "--direction", "to", "--word", "dog", "-o", out) == 0
    assert np.abs(np.load(out) - softmaxed(held[-1])[:, ENGLISH.index("dog")]).max() < 1e-5


def test_the_picture_has_the_words_beside_the_servers_cells(tmp_path: Path) -> None:
    values, picture = tmp_path / "s.npy", tmp_path / "s.png"
    for out in (values, picture):
        assert told("explain", "--text", SENTENCE, "-o", out) == 0
    cells = render.heatmap(np.load(values), "viridis")
    with Image.open(picture) as opened:
        drawn = np.asarray(opened.convert("RGB"))
        assert "what each token looks at" in opened.info["Description"]
    top, left = drawn.shape[0] - cells.shape[0], drawn.shape[1] - cells.shape[1]
    assert np.array_equal(drawn[top:, left:], cells)
    side = cells.shape[0] // len(FRENCH)
    for place in range(len(FRENCH)):
        rows = slice(top + place * side, top + (place + 1) * side)
        columns = slice(left + place * side, left + (place + 1) * side)
        assert drawn[rows, :left].min() < 60, "a word stands beside its row"
        assert drawn[:top, columns].min() < 60, "and one above its column"
    assert (drawn[:top, :left] == 255).all()
    assert told("explain", "--text", SENTENCE, "--render", "heatmap", "-o", picture) == 0
    with Image.open(picture) as opened:
        assert np.array_equal(np.asarray(opened.convert("RGB")), cells)


def test_the_page_is_a_table_of_all_values(tmp_path: Path) -> None:
    values, out = tmp_path / "s.npy", tmp_path / "s.html"
    for path in (values, out):
        assert told("explain", "--text", SENTENCE, "-o", path) == 0
    page = out.read_text("utf-8")
    table = re.search('<table class="words">(.*?)</table>', page)[1]
    above = re.findall('<th scope="col">(.*?)</th>', table)
    beside = re.findall('<th scope="row">(.*?)</th>', table)
    assert [html.unescape(word) for word in above] == ENGLISH
    assert [html.unescape(word) for word in beside] == FRENCH
    shown = np.array(re.findall('title="(.*?)"', table), float).reshape(len(FRENCH), -1)
    assert shown == pytest.approx(np.load(values), rel=1e-4)
    assert f'<td colspan="2">{SENTENCE}</td>' in page
    assert not re.search(r"https?://|url\(|@import|fetch\(", page)
    # What has no table for want of room is a picture: all heads at once.
    assert told("explain", "--text", SENTENCE, "--head", "all", "-o", out) == 0
    page = out.read_text("utf-8")
    assert "data:image/png" in page
    assert "<table class=" not in page


def test_several_sentences_go_into_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = (SENTENCE, "the kat sees a dog", "a dog sees the cat")
    given = [part for text in texts for part in ("--text", text)]
    assert told("explain", *given, "-o", tmp_path / "out", "--format", "npy") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "sentence-1.npy",
        "sentence-3.npy",
    ]
    complaints = capsys.readouterr().err
    assert "“the kat sees a dog”: text_transformer does not know 'kat'." in complaints
    assert " cat " in complaints, "the words that it does know are listed"
    assert "2 of 3 sentences done, 1 failed." in complaints
    names = [one.outputs[0].name for one in plan_sentences(["a"] * 10, tmp_path, None)]
    assert (names[0], names[9]) == ("sentence-01.png", "sentence-10.png")


def test_a_captioners_word_lies_on_the_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("explain", SUNFLOWER, "--model", "captioner", "--map", "attention")
    found = []
    for number, named in enumerate((("--word", 1), ("--query", 1))):
        out = tmp_path / f"{number}.npy"
        assert told(*common, *named, "-o", out) == 0
        found.append(np.load(out))
    caption = re.search("“(.*)” →", capsys.readouterr().out)[1].split()
    assert found[0].ndim == 2
    assert np.array_equal(*found)
    assert told(*common, "--word", caption[1], "-o", out) == 0
    first = caption.index(caption[1])
    assert told(*common, "--query", first, "-o", tmp_path / "first.npy") == 0
    assert np.array_equal(np.load(out), np.load(tmp_path / "first.npy"))


SAYS = ("--text", SENTENCE)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((*SAYS, "--word", "zebra"), 2, r"'zebra' is not there; .*0 le, 1 chat, .*5 <end>"),
        ((*SAYS, "--word", "6", "--map", "relevance"), 2, r"wrote has the words: 0 le.*4 chien\."),
        ((*SAYS, "--word", "0", "--query", "0"), 2, "name the same thing"),
        ((*SAYS, "--word", "le", "--layer", "0"), 2, "site s00 has the words: 0 the, 1 cat"),
        ((*SAYS, "--layer", "6"), 2, "attention layers 0 to 5"),
        ((*SAYS, "--target", "3"), 2, "--target is for .*relevance"),
        ((*SAYS, "--map", "rollout"), 1, "read a sentence; there is no photo"),
        ((*SAYS, "--render", "overlay"), 2, "render=heatmap"),
        ((*SAYS, "--model", "vit"), 1, "vit looks at a photo, .* --text for those that read"),
        ((*SAYS, SUNFLOWER), 2, "give PHOTO or --text"),
        ((), 2, "give a PHOTO, or a sentence with --text"),
        (("--text", "  "), 1, "no words.* knows the words: a always"),
        ((SUNFLOWER, "--model", "text_transformer"), 1, "reads a sentence, and a photo was sent"),
        ((SUNFLOWER, "--model", "vit", "--map", "relevance", "--word", "0"), 2, "writes no words"),
        (
            (SUNFLOWER, "--model", "vit", "--map", "attention", "--word", "0"),
            2,
            "are no words; valid with --word: no site of this network",
        ),
        (
            (SUNFLOWER, "--model", "captioner", "--map", "attention", "--layer", 0, "--word", "0"),
            2,
            r"site s\d\d of captioner are no words; valid with --word: s\d\d",
        ),
        ((SUNFLOWER, "--word", "0"), 2, "--word is for attention, relevance; not for rollout"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_told_with_what_would(
    arguments: tuple[object, ...],
    code: int,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told("explain", *arguments, "-o", tmp_path / "x.png") == code
    complaint = capsys.readouterr().err
    assert re.search(sentence, complaint), complaint
    assert "/v1/" not in complaint
    assert "Traceback" not in complaint
    assert not list(tmp_path.iterdir())


def test_variants_of_rollout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, other = tmp_path / "v.npy", tmp_path / "w.npy"
    common = ("explain", SUNFLOWER, "--model", "vit")
    assert told(*common, "--variant", "vit-explain", "-o", out) == 0
    assert told(*common, "--discard", "0.9", "-o", other) == 0
    assert np.array_equal(np.load(out), np.load(other))
    assert told("explain", SUNFLOWER, "--variant", "chefer", "-o", out) == 2
    assert "choose from 'abnar', 'vit-explain'" in capsys.readouterr().err
    assert told("doctor", "vit", "--variant", "vit-explain", "--repeats", 1) == 0
    assert "rollout (vit-explain)  yes" in capsys.readouterr().out
    assert told("doctor", "vit", "--variant", "chefer") == 2
    assert "choose from 'abnar', 'vit-explain'" in capsys.readouterr().err


def test_the_commands_of_the_documentation_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    lines = re.findall(r"^    \$ fovea (explain --text .*)\n(    “.*\n)?", page, re.M)
    assert len(lines) > 3
    monkeypatch.chdir(tmp_path)
    for line, printed in lines:
        words = shlex.split(line)
        assert told(*words) == 0, line
        assert Path(words[-1]).stat().st_size > 0
        assert printed.strip() in capsys.readouterr().out
