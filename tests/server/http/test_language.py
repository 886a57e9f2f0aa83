"""Answers in the language that is asked for, over a socket."""

import json
from typing import Any

import pytest

from tests.server.conftest import Running

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


def test_a_problem_comes_in_the_language_of_accept_language(site: Running) -> None:
    english = site.client.get("/v1/analyses/0123")
    chinese = site.client.get("/v1/analyses/0123", headers=CHINESE)
    assert english.headers["Content-Language"] == "en"
    assert chinese.headers["Content-Language"] == "zh"
    assert "Accept-Language" in english.headers["Vary"]
    assert english.json()["title"] == "There is no analysis of that name"
    assert chinese.json()["title"] == "没有该名字的分析"
    assert chinese.json()["detail"] == "没有分析 '0123'。"
    told = ("type", "status", "instance")
    assert [chinese.json()[name] for name in told] == [english.json()[name] for name in told]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models?task=classification"])
def test_the_address_decides_before_the_header(site: Running, path: str) -> None:
    join = "&" if "?" in path else "?"
    chinese = site.client.get(f"{path}{join}lang=zh").json()
    english = site.client.get(f"{path}{join}lang=en", headers=CHINESE).json()
    vit = next(row for row in chinese if row["id"] == "vit")
    assert vit["summary"].startswith("小型视觉 Transformer")
    assert english == site.client.get(path).json()


def test_a_language_that_is_not_spoken_is_refused(site: Running) -> None:
    answer = site.client.get("/v1/models?lang=fr")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "lang=fr is not spoken here; valid: en, zh."
    assert answer.json()["valid"] == ["en", "zh"]


def test_each_language_has_a_tag_of_its_own(site: Running) -> None:
    english = site.client.get("/v1/models").headers["ETag"]
    chinese = site.client.get("/v1/models", headers=CHINESE).headers["ETag"]
    assert english != chinese

    def again(tag: str, **headers: str) -> int:
        return site.client.get("/v1/models", headers={"If-None-Match": tag, **headers}).status_code

    assert (again(english), again(chinese, **CHINESE)) == (304, 304)
    assert (again(chinese), again(english, **CHINESE)) == (200, 200)
    assert again(f'{english}, "x", {chinese}', **CHINESE) == 304


def test_an_analysis_says_its_classes_and_maps(site: Running, analysis: dict[str, Any]) -> None:
    path = f"/v1/analyses/{analysis['id']}"
    chinese = site.client.get(path, headers=CHINESE).json()
    for one, other in zip(analysis["maps"], chinese["maps"], strict=True):
        assert one["name"] == other["name"]
        assert one["claim"] == other["claim"]
        assert one["sentence_parameters"].keys() == other["sentence_parameters"].keys()
        assert one["sentence"] != other["sentence"]
        assert one["summary"] != other["summary"]
    assert [one["title"] for one in chinese["sites"]] != [one["title"] for one in analysis["sites"]]
    site.client.get(path, headers={**CHINESE, "Accept": "application/json"})
    assert site.client.get(path).json()["maps"] == analysis["maps"]


def test_numbers_and_pictures_are_the_same_in_both(site: Running, analysis: dict[str, Any]) -> None:
    path = f"/v1/analyses/{analysis['id']}/maps/rollout"
    for accept in ("application/x-npy", "image/png", "text/csv"):
        one, other = (
            site.client.get(path, headers={"Accept": accept, **more}) for more in ({}, CHINESE)
        )
        assert one.content == other.content, accept
    one, other = (
        site.client.get(path, headers={"Accept": "application/json", **more}).json()
        for more in ({}, CHINESE)
    )
    assert one["values"] == other["values"]
    assert one["sentence"] != other["sentence"]


def test_head_says_what_get_would(site: Running) -> None:
    answer = site.client.head("/v1/models", headers=CHINESE)
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == "zh"


def test_the_page_of_a_problem_and_the_contract(site: Running) -> None:
    page = site.client.get("/problems/not-found?lang=zh", headers={"Accept": "text/html"})
    assert '<html lang="zh">' in page.text
    assert "此地址什么也没有" in page.text
    contract = [site.client.get("/openapi.json", headers=one).content for one in ({}, CHINESE)]
    assert contract[0] == contract[1]
    assert json.loads(contract[0])["info"]["title"] == "Fovea"


def test_what_is_kept_compressed_is_said_too(site: Running) -> None:
    packed = {"Accept-Encoding": "gzip"}
    english = site.client.get("/samples/samples.json", headers=packed).json()
    chinese = site.client.get("/samples/samples.json", headers={**packed, **CHINESE}).json()
    assert [one["file"] for one in chinese] == [one["file"] for one in english]
    assert {one["title"] for one in chinese}.isdisjoint({one["title"] for one in english})
