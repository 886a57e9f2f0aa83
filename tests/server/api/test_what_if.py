"""Edits over a socket: an analysis with something changed is an analysis."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from fovea.server.engine.conclude import to_input
from fovea.server.wire import schemas
from tests.server.asking import NPY, at, npy
from tests.server.conftest import SE, VIT, Running


def edited(server: Running, analysis: dict[str, Any], *edits: dict[str, Any]) -> dict[str, Any]:
    answer = server.client.post(at(analysis, "/edits"), json={"edits": list(edits)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["Location"].endswith(f"/v1/analyses/{found['id']}")
    schemas.Analysis.model_validate(found)
    return found


def test_an_edited_analysis_is_an_analysis(site: Running, analysis: dict[str, Any]) -> None:
    edits = [
        {"edit": "off", "site": "s01", "heads": [0]},
        {"edit": "block", "site": "s03", "queries": ["cls"], "keys": [[4, 7]]},
    ]
    found = edited(site, analysis, *edits)
    assert (found["of"], found["edits"]) == (analysis["id"], edits)
    assert found["id"] != analysis["id"]
    assert [one["id"] for one in found["sites"]] == [one["id"] for one in analysis["sites"]]
    # The same edits give the same analysis, and it is there under its address.
    assert edited(site, analysis, *edits)["id"] == found["id"]
    kept = site.client.get(at(found)).json()
    assert (kept["of"], kept["change"]) == (analysis["id"], found["change"])
    # What was blocked is not looked at, and the rest of the row is a distribution.
    row = site.client.get(at(found, "/sites/s03/attention?query=cls&head=0")).json()
    values = np.array(row["values"])
    assert values[4, 7] == 0
    assert values.sum() + sum(row["prefix_values"]) == pytest.approx(1, abs=1e-5)
    before = site.client.get(at(analysis, "/sites/s03/attention?query=cls&head=0")).json()
    assert before["values"][4][7] > 0


def test_the_change_is_that_of_the_network_with_zeroed_columns(
    site: Running, analysis: dict[str, Any]
) -> None:
    found = edited(site, analysis, {"edit": "off", "site": "s02", "heads": [1]})
    loaded = site.engine.shelf.loaded(VIT)
    assert loaded is not None
    inputs, _ = to_input(site.engine.store.get(analysis["id"]).photo, loaded.spec)
    joins = loaded.module.blocks[2].attn.proj.weight
    kept = joins.detach().clone()
    with torch.no_grad():
        plain = loaded.module(inputs)[0]
        joins[:, joins.shape[1] // 2 :] = 0
        wanted = loaded.module(inputs)[0]
        joins.copy_(kept)
    classes = found["change"]["classes"]
    assert {one["index"] for one in classes} == {
        *plain.topk(5).indices.tolist(),
        *wanted.topk(5).indices.tolist(),
    }
    for one in classes:
        assert one["before"]["logit"] == pytest.approx(float(plain[one["index"]]), abs=1e-5)
        assert one["after"]["logit"] == pytest.approx(float(wanted[one["index"]]), abs=1e-5)
        after = float(wanted.softmax(-1)[one["index"]])
        assert one["after"]["score"] == pytest.approx(after, abs=1e-6)


def test_maps_of_an_edited_analysis_are_of_the_edited_network(
    site: Running, analysis: dict[str, Any]
) -> None:
    """Maps that take a pass of their own, in which blocks run alone."""
    last = [one for one in analysis["sites"] if one["kind"] == "attention"][-1]
    every = list(range(last["heads"]))
    found = edited(site, analysis, {"edit": "off", "site": last["id"], "heads": every})
    plain = npy(site.client.get(at(analysis, "/maps/relevance?target=3"), headers=NPY))
    without = npy(site.client.get(at(found, "/maps/relevance?target=3"), headers=NPY))
    assert not np.allclose(plain, without)
    assert np.isfinite(without).all()
    assert site.client.get(at(found, f"/sites/{last['id']}/steps?query=cls")).status_code == 200


def test_hidden_cells_are_hidden_on_the_photo(site: Running, analysis: dict[str, Any]) -> None:
    hide = {"edit": "hide", "site": "s00", "cells": [[0, 0], [9, 9]], "fill": "grey"}
    found = edited(site, analysis, hide)
    before, after = (site.engine.store.get(one["id"]) for one in (analysis, found))
    assert before.photo is not None
    assert after.photo is not None
    assert before.geometry is not None
    changed = (before.photo.pixels != after.photo.pixels).any(-1)
    assert changed.any()
    assert {tuple(pixel) for pixel in after.photo.pixels[changed].tolist()} == {(128, 128, 128)}
    for row, column in zip(*changed.nonzero(), strict=True):
        x, y = before.geometry.to_input(float(column) + 0.5, float(row) + 0.5)
        cell = y * 10 // before.geometry.input_height, x * 10 // before.geometry.input_width
        assert cell in {(0, 0), (9, 9)}


def test_a_channel_is_shut(site: Running, picture: Callable[[int], bytes]) -> None:
    analysis = site.analyse(picture(1), SE)
    gate = next(one for one in analysis["sites"] if one["kind"] == "channel-gate")
    found = edited(site, analysis, {"edit": "shut", "site": gate["id"], "channels": [2]})
    before = site.client.get(at(analysis, f"/sites/{gate['id']}/gate")).json()["values"]
    after = site.client.get(at(found, f"/sites/{gate['id']}/gate")).json()["values"]
    assert after[2] == 0
    assert after[:2] + after[3:] == before[:2] + before[3:]


def test_edits_of_an_edited_analysis_add_up(site: Running, analysis: dict[str, Any]) -> None:
    one, two = ({"edit": "off", "site": f"s0{n}", "heads": [0]} for n in (0, 1))
    first = edited(site, analysis, one)
    assert edited(site, first, two)["id"] == edited(site, analysis, one, two)["id"]


@pytest.mark.parametrize(
    ("edits", "said", "hint"),
    [
        ([{"edit": "off", "site": "s77"}], "no site 's77'", "s00"),
        ([{"edit": "off", "site": "s00", "heads": [99]}], "no head 99", "0 to"),
        ([{"edit": "identity", "site": "s00"}], "does not fit", "off"),
        ([{"edit": "hide", "site": "s00", "cells": [[0, 0]], "fill": "x"}], "no fill", "mean"),
        ([{"edit": "of", "site": "s00"}], "Did you mean 'off'", "Valid"),
        ([], "There is no edit", "Send"),
    ],
)
def test_nonsense_is_refused_before_any_pass(
    site: Running, analysis: dict[str, Any], edits: list[dict[str, Any]], said: str, hint: str
) -> None:
    answer = site.client.post(at(analysis, "/edits"), json={"edits": edits})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/edit-refused")
    assert said in answer.json()["detail"]
    assert hint in answer.json()["hint"]


def test_a_network_that_reads_and_writes(site: Running) -> None:
    """All attention off: what is written then is told beside what was written before."""
    said = site.client.post(
        "/v1/analyses", json={"model": "text_transformer", "text": "the cat sees the dog"}
    )
    assert said.status_code == 201, said.text
    analysis = said.json()
    sites = [one for one in analysis["sites"] if one["kind"] == "attention"]
    found = edited(site, analysis, *({"edit": "off", "site": one["id"]} for one in sites))
    before, after = found["change"]["words"]
    assert (before, after) == (analysis["output"]["text"], found["output"]["text"])
    assert before != after


def test_given_words_are_read_in_place_of_its_own(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    """Teacher forcing: the probabilities are the network's own over these words, in float64."""
    found = site.analyse(picture(0), "captioner")
    forced = edited(site, found, {"edit": "words", "text": "A dog runs"})
    assert forced["output"]["text"] == "a dog runs"
    assert forced["change"]["words"] == [found["output"]["text"], "a dog runs"]
    loaded = site.engine.shelf.loaded("captioner")
    assert loaded is not None
    inputs, _ = to_input(site.engine.store.get(found["id"]).photo, loaded.spec)
    labels = loaded.spec.labels
    indices = [labels.index(word) for word in ("<start>", "a", "dog", "runs")]
    twin = deepcopy(loaded.module).double()
    with torch.no_grad():
        shares = twin(inputs.double(), torch.tensor([indices])).softmax(-1)[0]
    for place, word in enumerate(forced["output"]["words"]):
        assert word["score"] == pytest.approx(float(shares[place, indices[place + 1]]), rel=1e-3)
        assert word["likeliest"] == labels[int(shares[place].argmax())]
        assert word["likeliest_score"] == pytest.approx(float(shares[place].max()), rel=1e-3)
    for word in found["output"]["words"]:
        assert word["likeliest"] == word["text"]  # greedily it writes the likeliest
    # What is asked of the edited analysis is over the given words.
    masked = next(one for one in forced["sites"] if one.get("key_labels"))
    assert masked["key_labels"] == ["<start>", "a", "dog", "runs"]


def test_words_that_cannot_be_given_are_refused(
    site: Running, analysis: dict[str, Any], picture: Callable[[int], bytes]
) -> None:
    found = site.analyse(picture(0), "captioner")
    for one, text, said in (
        (analysis, "a dog", "writes no words"),
        (found, "a xylograph", "does not know: xylograph"),
        (found, " ", "There are 0 words"),
        (found, "dog " * 45, "There are 45 words"),
    ):
        asked = {"edits": [{"edit": "words", "text": text}]}
        answer = site.client.post(at(one, "/edits"), json=asked)
        assert (answer.status_code, said in answer.text) == (422, True), answer.text
