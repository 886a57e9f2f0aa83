"""Sweeps over a socket: jobs whose results equal one edit after the other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import load
from scipy.stats import spearmanr

from fovea.server.settings import Settings
from fovea.server.wire import job_schemas
from tests.server.asking import NPY, PNG, SAFETENSORS, at, npy
from tests.server.conftest import VIT, OneNetwork, Running, running, until


def ask(site: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The job, once it has ended."""
    answer = site.client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == job["links"]["self"]
    until(
        lambda: site.client.get(job["links"]["self"]).json()["state"] not in ("queued", "running"),
        limit_s=300,
    )
    ended: dict[str, Any] = site.client.get(job["links"]["self"]).json()
    job_schemas.Job.model_validate(ended)
    return ended


def swept(server: Running, analysis: dict[str, Any], **body: Any) -> dict[str, Any]:
    job = ask(server, at(analysis, "/sweeps"), body)
    assert job["state"] == "done", job
    assert (job["kind"], job["done"], job["analysis"]) == ("sweep", job["total"], analysis["id"])
    found: dict[str, Any] = server.client.get(job["result"]).json()
    return {**found, "address": job["result"]}


def edited(site: Running, analysis: dict[str, Any], *edits: dict[str, Any]) -> dict[str, Any]:
    answer = site.client.post(at(analysis, "/edits"), json={"edits": list(edits)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def effect(found: dict[str, Any], target: int) -> tuple[float, float]:
    change = next(one for one in found["change"]["classes"] if one["index"] == target)
    before, after = change["before"], change["after"]
    return before["logit"] - after["logit"], before["score"] - after["score"]


def test_a_sweep_of_heads_is_one_head_off_after_the_other(
    site: Running, analysis: dict[str, Any]
) -> None:
    found = swept(site, analysis, over="heads")
    target = analysis["predictions"][0]["index"]
    assert (found["axes"], found["target"]["index"]) == (["layer", "head"], target)
    values, probability = np.array(found["values"]), np.array(found["probability"])
    for row, one in enumerate(found["sites"]):
        for head in range(values.shape[1]):
            off = edited(site, analysis, {"edit": "off", "site": one["id"], "heads": [head]})
            logit, score = effect(off, target)
            assert values[row, head] == pytest.approx(logit, abs=2e-5)
            assert probability[row, head] == pytest.approx(score, abs=1e-6)
    # The largest is told, and one site alone gives its row.
    most = np.unravel_index(values.argmax(), values.shape)
    assert f"head {most[1]} of {found['sites'][most[0]]['id']}" in found["sentence"]
    alone = swept(site, analysis, over="heads", site=found["sites"][1]["id"])
    assert np.allclose(alone["values"], values[1:2], atol=2e-5)


def test_a_result_answers_in_all_representations(site: Running, analysis: dict[str, Any]) -> None:
    found = swept(site, analysis, over="heads")
    values = np.array(found["values"], np.float32)
    get = site.client.get
    assert np.allclose(npy(get(found["address"], headers=NPY)), values)
    tensors = load(get(found["address"], headers=SAFETENSORS).content)
    assert set(tensors) == {"values", "probability"}
    rows = list(csv.DictReader(io.StringIO(get(f"{found['address']}?format=csv").text)))
    assert list(rows[0]) == ["layer", "head", "values", "probability"]
    assert [float(one["values"]) for one in rows] == pytest.approx(values.flatten().tolist())
    assert get(found["address"], headers=PNG).content.startswith(b"\x89PNG")
    tag = get(found["address"]).headers["ETag"]
    assert get(found["address"], headers={"If-None-Match": tag}).status_code == 304


def test_layers_are_skipped(site: Running, analysis: dict[str, Any]) -> None:
    found = swept(site, analysis, over="layers", target=3)
    assert (found["axes"], found["shape"], found["missing"]) == (["layer"], [6], [])
    skipped = edited(site, analysis, {"edit": "skip", "site": "s04"})
    assert skipped["change"]["classes"]  # Class 3 need not be among them: another way then.
    kept = site.engine.store.get(skipped["id"]).logits
    whole = site.engine.store.get(analysis["id"]).logits
    assert kept is not None
    assert whole is not None
    assert found["values"][4] == pytest.approx(float(whole[3] - kept[3]), abs=2e-5)


def test_a_layer_that_cannot_be_followed_is_missing_and_says_why(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    started = site.analyse(picture(1), "se_resnet")
    refused = site.client.post(at(started, "/sweeps"), json={"over": "layers"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/edit-refused")


def test_channels_of_a_gate_are_shut_and_opened(site: Running, gated: dict[str, Any]) -> None:
    gates = [one for one in gated["sites"] if one["kind"] == "channel-gate"]
    gate = min(gates, key=lambda one: int(one["channels"]))
    found = swept(site, gated, over="channels", site=gate["id"])
    assert (found["axes"], found["shape"]) == (["site", "channel"], [1, gate["channels"]])
    target = gated["predictions"][0]["index"]
    for kind, name in (("shut", "values"), ("open", "open")):
        one = edited(site, gated, {"edit": kind, "site": gate["id"], "channels": [2]})
        assert found[name][0][2] == pytest.approx(effect(one, target)[0], abs=2e-5)


def test_an_occlusion_map_is_a_loop_over_hidden_patches(
    site: Running, analysis: dict[str, Any]
) -> None:
    found = swept(site, analysis, over="patches", fill="grey", site="s03")
    values = np.array(found["values"])
    target = analysis["predictions"][0]["index"]
    for cell in ([0, 0], [4, 7], [9, 9]):
        hide = {"edit": "hide", "site": "s03", "cells": [cell], "fill": "grey"}
        logit, _ = effect(edited(site, analysis, hide), target)
        assert values[tuple(cell)] == pytest.approx(logit, abs=2e-5)
    # Beside it: how far the shown map ranks the patches as their effects do.
    shown = site.client.get(at(analysis, f"/maps/{found['agreement']['map']}")).json()
    assert found["agreement"]["map"] == "rollout"
    rho = spearmanr(np.ravel(shown["values"]), values.ravel()).statistic
    assert found["agreement"]["rho"] == pytest.approx(rho, abs=1e-6)
    assert found["agreement"]["random"]["n"] == 20
    assert abs(found["agreement"]["random"]["mean"]) < 0.1
    assert site.client.get(found["address"], headers=PNG).status_code == 200


def test_blocks_cover_every_cell(site: Running, analysis: dict[str, Any]) -> None:
    found = swept(site, analysis, over="patches", block=4, stride=3, map="dino")
    assert found["agreement"]["map"] == "dino"
    block = [[row, column] for row in range(4) for column in range(4)]
    hide = {"edit": "hide", "site": "s05", "cells": block}
    logit, _ = effect(edited(site, analysis, hide), analysis["predictions"][0]["index"])
    # The corner is in this block alone.
    assert found["values"][0][0] == pytest.approx(logit, abs=2e-5)
    assert found["non_finite"] == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"ovr": "heads"}, 422, "Did you mean 'over'"),
        ({"over": "haeds"}, 422, "heads"),
        ({"over": "heads", "block": 2}, 422, "'block'"),
        ({"over": "heads", "site": "s99"}, 404, "s99"),
        ({"over": "channels"}, 422, "no channels"),
        ({"over": "patches", "fill": "men"}, 422, "Did you mean 'mean'"),
        ({"over": "patches", "block": 2, "stride": 3}, 422, "leaves cells out"),
        ({"over": "patches", "map": "grad-cam"}, 409, "transformer"),
        ({"over": "patches", "map": "rolout"}, 404, "Did you mean 'rollout'"),
        ({"over": "heads", "target": "no such class"}, 422, "no class"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_pass(
    site: Running, analysis: dict[str, Any], body: dict[str, Any], status: int, said: str
) -> None:
    answer = site.client.post(at(analysis, "/sweeps"), json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"], answer.text


def test_a_network_that_is_no_classifier_says_so(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    mask = site.analyse(picture(1), "sa_unet")
    answer = site.client.post(at(mask, "/sweeps"), json={"over": "patches"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
    assert "sa_unet" in answer.json()["detail"]


def test_a_cancelled_sweep_makes_no_further_pass_and_others_go_between(
    picture: Callable[[int], bytes],
) -> None:
    catalog = OneNetwork()
    network = catalog.network
    network.open.set()
    with running(Settings(offline=True, default_model=catalog.ID), catalog) as server:
        until(lambda: server.client.get("/readyz").status_code == 200)
        found = server.analyse(picture(0), catalog.ID)
        network.open.clear()
        before = len(network.batches)
        job: httpx.Response = server.client.post(at(found, "/sweeps"), json={"over": "heads"})
        assert job.status_code == 202, job.text
        address = job.json()["links"]["self"]
        same = server.client.post(at(found, "/sweeps"), json={"over": "heads"})
        assert same.json()["id"] == job.json()["id"]
        until(lambda: len(network.batches) > before)
        ended = server.client.delete(address).json()
        assert (ended["state"], ended["result"], ended["kind"]) == ("cancelled", None, "sweep")
        network.open.set()
        until(lambda: not server.engine.inference.running and not server.engine.inference.waiting)
        # The pass that ran has ended, the one with the head off was never begun, and another
        # request is answered by a pass of its own.
        assert len(network.batches) == before + 1
        server.analyse(picture(1), catalog.ID)
        assert len(network.batches) == before + 2


def test_a_sweep_of_a_forgotten_analysis_ends(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    found = site.analyse(picture(77), VIT)
    address = swept(site, found, over="layers")["address"]
    assert site.client.get(address).status_code == 200
    assert site.client.delete(at(found)).status_code == 204
    assert site.client.get(address).status_code == 404
    # Made again it is another pass, and nothing of the old one is kept.
    site.analyse(picture(77), VIT)
    gone = site.client.get(address)
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/unknown-result")
