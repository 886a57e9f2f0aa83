"""Captions over a socket, checked against the networks themselves."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fovea.server.wire import outputs, schemas
from tests.server.asking import NPY, PNG, at, npy
from tests.server.conftest import Running, png_of
from tests.server.outputs.conftest import network_input
from tests.server.writers import CAPTIONER, NOUNS, SPECIAL, WALLS, Writers, build


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
    assert encoder["query_labels"] is None
    size = {"rows": 8, "columns": 8}.items()
    assert encoder["grid"].items() >= size
    assert own["query_labels"][: len(words)] == words
    assert own["key_labels"] == ["<start>", *own["query_labels"][:-1]]
    assert not own["projections"]
    assert cross["query_labels"] == own["query_labels"]
    assert (cross["key_labels"], cross["query_grid"]) == (None, None)
    assert cross["key_grid"].items() >= size
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


def test_phrases_are_kept_from_standing_twice(
    site: Running, pixels: np.ndarray, caption: dict[str, Any]
) -> None:
    module = build(Writers().spec(CAPTIONER))

    def asked(query: dict[str, Any], **fields: str) -> dict[str, Any]:
        response = site.client.post(
            "/v1/analyses",
            params=query,
            files={"image": png_of(pixels)},
            data={"model": CAPTIONER, **fields},
        )
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    for size in (1, 2):
        answer = asked({"no_repeat_ngram": size})
        words = [word["index"] for word in answer["output"]["words"]]
        phrases = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
        assert len(set(phrases)) == len(phrases)
        wanted = module.generate(network_input(pixels), no_repeat_ngram=size)[0].tolist()  # type: ignore[operator]
        assert words == [index for index in wanted if index > 2]
        assert answer["output"]["no_repeat_ngram"] == size
        assert answer["id"] != caption["id"]
        assert asked({}, no_repeat_ngram=str(size))["id"] == answer["id"]
    assert caption["output"]["no_repeat_ngram"] == 0
    for wrong in ("-1", "11", "two"):
        for given in ({"params": {"no_repeat_ngram": wrong}}, {"data": {"no_repeat_ngram": wrong}}):
            answer = site.client.post("/v1/analyses", files={"image": png_of(pixels)}, **given)
            assert (answer.status_code, answer.json()["type"]) == (
                422,
                "/problems/invalid-parameter",
            )


def test_an_answer_that_was_cut_says_so(caption: dict[str, Any]) -> None:
    output, warnings = caption["output"], " ".join(caption["warnings"])
    assert output["cut"] == ("cut at" in warnings)
    assert (output["repeated"] is not None) == ("more than once" in warnings)


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
