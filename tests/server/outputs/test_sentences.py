"""Sentences over a socket: read, translated, refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fovea.models.running import tasks
from fovea.server.settings import Settings
from fovea.server.wire import outputs, schemas
from tests.server.asking import NPY, PNG, at, npy
from tests.server.conftest import SE, Running, png_of, running, until
from tests.server.outputs.conftest import say
from tests.server.writers import CAPTIONER, ENGLISH, SPECIAL, TRANSLATOR, Writers, build


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


def test_positions_of_what_was_read_and_of_what_was_written(
    site: Running, translation: dict[str, Any]
) -> None:
    source = site.client.get(at(translation, "/maps/positions")).json()
    assert (source["words"], source["shape"]) == ("source", [4, 4])
    assert source["labels"]["query"] == source["labels"]["key"] == ["the", "red", "cat", "<end>"]
    matrix = np.array(source["values"])
    np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-6)
    read = site.client.get(at(translation, "/maps/positions?words=read&query=1")).json()
    assert (read["axes"], read["query"]) == (["key"], 1)
    assert read["labels"]["key"][0] == "<start>"
    # Both count from the first word on, with the same table.
    np.testing.assert_allclose(read["values"][:4], matrix[1][: len(read["values"])], atol=1e-6)
    vector = np.array(read["vector"])
    assert vector @ vector == pytest.approx(len(vector) / 2, rel=1e-5)  # sin² + cos², pair by pair
    # As many words of another sentence have the same positions, and take no pass of their own.
    site.engine._maps.clear()
    lengths = set()
    for text in ("the red cat", "the red bird"):
        path = at(say(site, text).json(), "/maps/positions")
        assert site.client.get(path).json()["values"] == source["values"]
        lengths.add(site.client.get(f"{path}?words=read").json()["shape"][0])
    assert len(site.engine._maps) == len(lengths)
    for wrong, status in (("query=4", 422), ("words=written", 422), ("query=0,0", 422)):
        refused = site.client.get(at(translation, f"/maps/positions?{wrong}"))
        assert (refused.status_code, refused.json()["detail"] != "") == (status, True)


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
        (b'{"text": "a", "image": "b"}', "invalid-parameter"),
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


def test_words_are_followed_through_encoder_and_decoder(
    site: Running, translation: dict[str, Any]
) -> None:
    names = {row["id"]: row["name"] for row in translation["sites"]}
    for row in translation["sites"]:
        answer = site.client.get(at(translation, f"/sites/{row['id']}/stream")).json()
        told = schemas.Stream.model_validate(answer)
        assert told.tokens == row["queries"]
        from_sites = [one.site for one in told.additions if one.site is not None]
        assert row["id"] in from_sites
        decoding = names[row["id"]].startswith("decoder")
        assert all(names[one].startswith("decoder") == decoding for one in from_sites)
        assert (told.additions[0].kind, told.additions[-1].kind) == ("positions", "feed-forward")
    for asked in ("", "?site=s00"):
        refused = site.client.get(at(translation, f"/maps/token-lengths{asked}"))
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/map-not-possible")


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
        until(lambda: started.client.get("/readyz").status_code == 200)


def test_ends_are_kept_with_the_source() -> None:
    sentence = tasks.sentence_of(
        torch.zeros(1, 16), torch.tensor([1, 2]), SPECIAL + ENGLISH, ("a",)
    )
    output = outputs.output(sentence, "/v1/analyses/x")
    assert isinstance(output, outputs.SequenceOutput)
    assert (output.source, output.words, output.text) == (["a", "<end>"], [], "")
