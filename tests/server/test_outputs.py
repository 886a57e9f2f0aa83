"""Captions, masks and sentences over a socket, checked against the networks themselves."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from models import tasks
from models.preprocessing import prepare
from server import outputs, schemas
from server.settings import Settings
from tests.server.conftest import SE, Running, png_of, running
from tests.server.writers import (
    CAPTIONER,
    ENGLISH,
    NOUNS,
    PICTURE,
    SPECIAL,
    TRANSLATOR,
    WALLS,
    Writers,
    build,
)

NPY = {"Accept": "application/x-npy"}
PNG = {"Accept": "image/png"}


@pytest.fixture(scope="module")
def site(weights_dir: Any) -> Iterator[Running]:
    catalog = Writers(weights_dir)
    with running(Settings(offline=True, default_model=SE), catalog) as started:
        yield started


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (80, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def caption(site: Running, pixels: np.ndarray) -> dict[str, Any]:
    return site.analyse(png_of(pixels), CAPTIONER)


@pytest.fixture(scope="module")
def walls(site: Running, pixels: np.ndarray) -> dict[str, Any]:
    return site.analyse(png_of(pixels), WALLS)


def say(site: Running, text: str, **more: str) -> httpx.Response:
    return site.client.post("/v1/analyses", json={"text": text, "model": TRANSLATOR, **more})


@pytest.fixture(scope="module")
def translation(site: Running) -> dict[str, Any]:
    answer: dict[str, Any] = say(site, "the  red cat").json()
    return answer


def at(analysis: dict[str, Any], path: str = "") -> str:
    return f"/v1/analyses/{analysis['id']}{path}"


def npy(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


def network_input(pixels: np.ndarray) -> torch.Tensor:
    return prepare(torch.from_numpy(pixels).permute(2, 0, 1), PICTURE)[0]


# --- captions -----------------------------------------------------------------------------------


def test_a_caption_is_what_the_network_writes(
    site: Running, caption: dict[str, Any], pixels: np.ndarray
) -> None:
    seen = schemas.Analysis.model_validate(caption)
    assert isinstance(seen.output, outputs.CaptionOutput)
    module, inputs = build(Writers().spec(CAPTIONER)), network_input(pixels)
    generated = module.generate(inputs)[0]  # type: ignore[operator]
    labels = SPECIAL + NOUNS
    said = [labels[index] for index in generated[1:].tolist() if labels[index] not in SPECIAL[:3]]
    assert [word.text for word in seen.output.words] == said
    assert seen.output.text == " ".join(said)
    logits = module(inputs, generated[None, :-1])[0].log_softmax(-1)
    for place, word in enumerate(seen.output.words):
        assert np.log(word.score) == pytest.approx(float(logits[place, word.index]), abs=1e-4)
    assert seen.predictions == []


def test_words_are_named_at_the_sites(caption: dict[str, Any]) -> None:
    words = [word["text"] for word in caption["output"]["words"]]
    encoder, _, own, cross = caption["sites"][:4]
    assert (encoder["query_labels"], encoder["grid"]) == (None, {"rows": 8, "columns": 8})
    assert own["query_labels"][: len(words)] == words
    assert own["key_labels"] == ["<start>", *own["query_labels"][:-1]]
    assert not own["projections"]
    assert cross["query_labels"] == own["query_labels"]
    assert (cross["key_labels"], cross["query_grid"]) == (None, None)
    assert cross["key_grid"] == {"rows": 8, "columns": 8}
    assert cross["note"] is None


def cross_matrix(caption: dict[str, Any], pixels: np.ndarray) -> np.ndarray:
    """(head, word, patch): the first cross-attention by the formula, in double precision."""
    module, labels = build(Writers().spec(CAPTIONER)).double(), SPECIAL + NOUNS
    words = [labels.index(word) for word in caption["sites"][2]["key_labels"]]
    block = module.decoder.blocks[0]  # type: ignore[union-attr,index]
    memory = module.memory(network_input(pixels).double())  # type: ignore[operator]
    asked: list[torch.Tensor] = []
    block.norm2.register_forward_hook(lambda _, __, out: asked.append(out))
    module(network_input(pixels).double(), torch.tensor([words]))
    attention = block.cross_attention
    query = attention.split(attention.query(asked[0]))[0]
    key = attention.split(attention.key(memory))[0]
    found: np.ndarray = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1).numpy()
    return found


def test_what_was_looked_at_to_write_a_word(
    site: Running, caption: dict[str, Any], pixels: np.ndarray
) -> None:
    wanted = cross_matrix(caption, pixels)
    path = at(caption, "/sites/s03/attention")
    row = site.client.get(path, params={"query": 2, "head": 1}).json()
    assert (row["axes"], row["shape"]) == (["row", "column"], [8, 8])
    assert f"writing of word 2, “{caption['output']['words'][2]['text']}”" in row["sentence"]
    np.testing.assert_allclose(row["values"], wanted[1, 2].reshape(8, 8), atol=1e-5)
    every = npy(site.client.get(path, params={"query": "all", "head": "all"}, headers=NPY))
    np.testing.assert_allclose(every, wanted, atol=1e-5)
    column = site.client.get(path, params={"query": "3,5", "direction": "to", "head": 0}).json()
    np.testing.assert_allclose(column["values"], wanted[0, :, 29], atol=1e-5)
    assert column["labels"] == {"query": caption["sites"][3]["query_labels"]}
    picture = site.client.get(path, params={"query": 2}, headers=PNG)
    assert Image.open(io.BytesIO(picture.content)).size == (120, 80)


def test_a_word_that_is_not_there_or_a_place_that_does_not_ask(
    site: Running, caption: dict[str, Any]
) -> None:
    path = at(caption, "/sites/s03/attention")
    for query, direction in (("99", "from"), ("1,1", "from"), ("8,0", "to"), ("cls", "from")):
        answer = site.client.get(path, params={"query": query, "direction": direction})
        problem = (answer.status_code, answer.json()["type"])
        assert problem == (422, "/problems/invalid-parameter"), query


def test_masked_self_attention_is_a_triangle(site: Running, caption: dict[str, Any]) -> None:
    path = at(caption, "/sites/s02/attention")
    matrix = npy(site.client.get(path, params={"query": "all", "head": "all"}, headers=NPY))
    assert np.triu(matrix, 1).sum() == 0
    np.testing.assert_allclose(matrix.sum(-1), 1, atol=1e-5)
    labelled = site.client.get(path, params={"query": "all"}).json()["labels"]
    assert labelled["key"][0] == "<start>"
    assert site.client.get(path.replace("attention", "projections")).status_code == 409


def test_many_captions_at_once_do_not_mix(site: Running) -> None:
    random = np.random.default_rng(9)
    photos = [png_of(random.integers(0, 256, (70, 70, 3), dtype=np.uint8)) for _ in range(4)]
    answers = [site.analyse(photo, CAPTIONER) for photo in photos]
    module = build(Writers().spec(CAPTIONER))
    for photo, answer in zip(photos, answers, strict=True):
        array = np.array(Image.open(io.BytesIO(photo)))
        words = module.generate(network_input(array))[0].tolist()  # type: ignore[operator]
        found = [word["index"] for word in answer["output"]["words"]]
        assert found == [index for index in words if index > 2]


def test_a_caption_by_beam_search(
    site: Running, pixels: np.ndarray, caption: dict[str, Any]
) -> None:
    module = build(Writers().spec(CAPTIONER))
    answers = {1: caption}
    for beams in (3, 5):
        response = site.client.post(
            "/v1/analyses",
            params={"model": CAPTIONER, "beams": beams},
            content=png_of(pixels),
            headers={"Content-Type": "image/png"},
        )
        answers[beams] = response.json()
        wanted = module.generate(network_input(pixels), beams=beams)[0].tolist()  # type: ignore[operator]
        found = [word["index"] for word in answers[beams]["output"]["words"]]
        assert found == [index for index in wanted if index > 2]
        assert answers[beams]["output"]["beams"] == beams
    assert len({answer["id"] for answer in answers.values()}) == 3
    wrong = site.client.post("/v1/analyses", params={"beams": 9}, content=png_of(pixels))
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-parameter")


def test_beams_make_no_difference_to_what_writes_nothing(
    site: Running, pixels: np.ndarray, walls: dict[str, Any]
) -> None:
    response = site.client.post(
        "/v1/analyses",
        params={"model": WALLS, "beams": 4},
        content=png_of(pixels),
        headers={"Content-Type": "image/png"},
    )
    assert response.json()["id"] == walls["id"]


# --- masks --------------------------------------------------------------------------------------


def test_a_mask_is_the_networks_own(
    site: Running, walls: dict[str, Any], pixels: np.ndarray
) -> None:
    expected = build(Writers().spec(WALLS))(network_input(pixels))[0].argmax(0).numpy()
    assert 0 < expected.mean() < 1
    mask = npy(site.client.get(at(walls, "/mask"), headers=NPY))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)
    counted = outputs.MaskCounts.model_validate(site.client.get(at(walls, "/mask")).json())
    assert [row.count for row in counted.classes] == [
        int((expected == index).sum()) for index in (0, 1)
    ]
    shares = [row["share"] for row in walls["output"]["classes"]]
    assert shares == pytest.approx([1 - expected.mean(), expected.mean()])
    assert walls["output"]["href"] == at(walls, "/mask")


def test_a_mask_is_drawn_where_it_is(
    site: Running, walls: dict[str, Any], pixels: np.ndarray
) -> None:
    mask = npy(site.client.get(at(walls, "/mask"), headers=NPY))
    colour = bytes.fromhex(walls["output"]["classes"][1]["colour"][1:])
    answer = site.client.get(at(walls, "/mask"), params={"opacity": 1}, headers=PNG)
    drawn = np.array(Image.open(io.BytesIO(answer.content)))
    assert drawn.shape == pixels.shape
    # 80 px high becomes 64, so 1.25 px a place; 120 px wide shows its middle 80.
    seen = drawn[:, 20:100]
    cells = ((np.arange(80) + 0.5) * 64 / 80).astype(int)
    places = mask[cells[:, None], cells[None, :]]
    wall = (seen == list(colour)).all(-1)
    white = (seen == 255).all(-1)
    assert (wall | white)[places == 1].all()
    same = (seen == pixels[:, 20:100]).all(-1)
    assert (same | white)[places == 0].all()
    assert (drawn[:, :20] < pixels[:, :20].max()).all()
    alone = site.client.get(at(walls, "/mask"), params={"render": "heatmap"}, headers=PNG)
    assert np.array(Image.open(io.BytesIO(alone.content))).shape == (512, 512, 3)


def test_a_network_without_a_mask_says_so(site: Running, caption: dict[str, Any]) -> None:
    answer = site.client.get(at(caption, "/mask"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")


# --- sentences ----------------------------------------------------------------------------------


def test_a_sentence_is_translated_and_every_attention_has_its_words(
    site: Running, translation: dict[str, Any]
) -> None:
    seen = schemas.Analysis.model_validate(translation)
    assert isinstance(seen.output, outputs.SequenceOutput)
    assert (seen.image, seen.geometry, seen.links.image) == (None, None, None)
    assert seen.text == "the red cat"
    source = ["the", "red", "cat", "<end>"]
    assert seen.output.source == source
    module, labels = build(Writers().spec(TRANSLATOR)), SPECIAL + ENGLISH
    ids = torch.tensor([[*(labels.index(word) for word in source[:3]), 2]])
    words = module.generate(ids)[0].tolist()  # type: ignore[operator]
    assert [word.index for word in seen.output.words] == [index for index in words if index > 2]
    sides = {(tuple(s.query_labels or ()), tuple(s.key_labels or ())) for s in seen.sites}
    written = tuple(labels[index] for index in words[1:])
    read = tuple(labels[index] for index in words[:-1])
    assert sides == {(tuple(source),) * 2, (written, read), (written, tuple(source))}
    for found in seen.sites:
        path = at(translation, f"/sites/{found.id}/attention")
        matrix = npy(site.client.get(path, params={"query": "all"}, headers=NPY))
        assert matrix.shape == (len(found.query_labels or ()), len(found.key_labels or ()))
        np.testing.assert_allclose(matrix.sum(-1), 1, atol=1e-5)
        heat = site.client.get(path, params={"query": "all"}, headers=PNG)
        assert heat.status_code == 200


def test_the_same_sentence_is_the_same_analysis_however_it_is_sent(
    site: Running, translation: dict[str, Any]
) -> None:
    fields = {"text": " The red\ncat ", "model": TRANSLATOR}
    form = site.client.post("/v1/analyses", files={k: (None, v) for k, v in fields.items()})
    alone = site.client.post(
        "/v1/analyses", params={"model": TRANSLATOR}, json={"text": "the red cat"}
    )
    other = say(site, "the cat")
    assert form.json()["id"] == alone.json()["id"] == translation["id"] != other.json()["id"]
    assert form.status_code == 201
    assert site.client.get(at(translation)).json() == translation
    first = site.client.post("/v1/analyses", json={"text": "the red cat"})
    assert first.json().get("model") != SE  # a model that looks at photos is not asked


@pytest.mark.parametrize(
    ("text", "slug", "said"),
    [
        ("", "missing-text", "the cat sees"),
        (" \n ", "missing-text", "the cat sees"),
        ("the blue cat", "unknown-words", "blue"),
        ("<pad>", "unknown-words", "<pad>"),
        ("cat " * 9, "text-too-long", "8"),
        ("x" * 3000, "unknown-words", "x"),
    ],
)
def test_what_cannot_be_read_is_said(site: Running, text: str, slug: str, said: str) -> None:
    answer = say(site, text)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, f"/problems/{slug}")
    assert said in problem["detail"] + problem["hint"]
    assert len(answer.content) < 3000
    if slug == "unknown-words":
        assert problem["known"] == list(ENGLISH)


def test_a_photo_for_a_reader_and_a_sentence_for_a_looker(
    site: Running, pixels: np.ndarray
) -> None:
    photo = site.client.post("/v1/analyses", params={"model": TRANSLATOR}, content=png_of(pixels),
                             headers={"Content-Type": "image/png"})  # fmt: skip
    text = site.client.post("/v1/analyses", json={"text": "the cat", "model": CAPTIONER})
    for answer, word in ((photo, "sentence"), (text, "photo")):
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/wrong-input")
        assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"{", "malformed-body"),
        (b"[]", "malformed-body"),
        (b'{"text": 3}', "malformed-body"),
        (b'{"text": "a", "model": []}', "malformed-body"),
        (b'{"text": "a", "image": "b"}', "malformed-body"),
        (b'{"model": "a"}', "missing-text"),
    ],
)
def test_bodies_that_are_no_sentence(site: Running, body: bytes, slug: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = site.client.post("/v1/analyses", content=body, headers=headers)
    assert answer.json()["type"] == f"/problems/{slug}"
    assert answer.status_code in (400, 422)


def test_both_or_neither_in_a_form(site: Running, pixels: np.ndarray) -> None:
    image = ("p.png", png_of(pixels), "image/png")
    both = site.client.post("/v1/analyses", files={"image": image, "text": (None, "the cat")})
    assert (both.status_code, both.json()["type"]) == (400, "/problems/malformed-body")
    none = site.client.post("/v1/analyses", files={"model": (None, TRANSLATOR)})
    assert (none.status_code, none.json()["type"]) == (422, "/problems/missing-image")


def test_what_needs_a_photo_is_refused_for_a_sentence(
    site: Running, translation: dict[str, Any]
) -> None:
    assert site.client.get(at(translation, "/image")).status_code == 404
    laid = site.client.get(
        at(translation, "/sites/s00/attention"), params={"render": "overlay"}, headers=PNG
    )
    assert laid.status_code == 404
    for method in ("rollout", "gradient-rollout"):
        answer = site.client.get(at(translation, f"/maps/{method}"))
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
    assert site.client.get(at(translation, "/figures/attention-distance")).status_code in (404, 409)
    assert site.client.get(at(translation, "/figures/entropy")).status_code == 200


def test_the_catalogue_says_who_reads(site: Running, picture: Callable[[int], bytes]) -> None:
    rows = {row["id"]: row for row in site.client.get("/v1/models").json()}
    assert (rows[TRANSLATOR]["reads"], rows[TRANSLATOR]["input_size"]) == ("text", None)
    assert (rows[CAPTIONER]["reads"], rows[CAPTIONER]["task"]) == ("photo", "captioning")
    card = schemas.ModelCard.model_validate(site.client.get(f"/v1/models/{TRANSLATOR}").json())
    assert card.preprocessing is None
    assert card.labels == [*SPECIAL, *ENGLISH]


def test_a_network_that_reads_can_be_the_default() -> None:
    catalog = Writers()
    with running(Settings(offline=True, default_model=TRANSLATOR), catalog) as started:
        for _ in range(600):
            answer = started.client.get("/readyz")
            if answer.status_code == 200:
                break
        assert answer.status_code == 200, answer.text


def test_ends_are_kept_with_the_source() -> None:
    sentence = tasks.sentence_of(
        torch.zeros(1, 16), torch.tensor([1, 2]), SPECIAL + ENGLISH, ("a",)
    )
    output = outputs.output(sentence, "/v1/analyses/x")
    assert isinstance(output, outputs.SequenceOutput)
    assert (output.source, output.words, output.text) == (["a", "<end>"], [], "")


# --- what counted for a word --------------------------------------------------------------------


def test_relevance_of_each_word_of_a_caption(site: Running, caption: dict[str, Any]) -> None:
    """R_qi's row of that word, over the photo's patches; a word that was not written is refused."""
    words = caption["output"]["words"]
    rows = []
    for place, word in enumerate(words[:2]):
        answer = site.client.get(at(caption, f"/maps/relevance?word={place}")).json()
        assert answer["word"] == {"index": place, "label": word["text"]}
        assert answer["axes"] == ["row", "column"]
        values = np.array(answer["values"])
        assert values.min() >= 0 < values.max()
        rows.append(values)
    assert not np.allclose(rows[0], rows[1])
    usual = site.client.get(at(caption, "/maps/relevance")).json()
    assert np.array_equal(usual["values"], rows[0])
    refused = site.client.get(at(caption, f"/maps/relevance?word={len(words)}"))
    assert (refused.status_code, refused.json()["limit"]) == (422, len(words) - 1)


def test_relevance_of_a_word_over_the_words_that_were_read(
    site: Running, translation: dict[str, Any]
) -> None:
    answer = site.client.get(at(translation, "/maps/relevance?word=1")).json()
    assert answer["axes"] == ["key"]
    assert answer["shape"] == [len(translation["output"]["source"])]
    assert max(answer["values"]) > 0


def test_other_maps_for_a_class_are_not_for_words(site: Running, caption: dict[str, Any]) -> None:
    answer = site.client.get(at(caption, "/maps/legrad"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
