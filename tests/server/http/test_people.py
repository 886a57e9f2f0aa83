"""Several people on one server: what each may see, do and forget."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fovea.server.commands.serve import JsonLines, warnings
from fovea.server.http.rates import Rates
from fovea.server.problems import RateLimited
from fovea.server.settings import Settings
from tests.server.conftest import VIT, Running, until

TOKEN = "long-enough-to-be-one"


def post(client: httpx.Client, photo: bytes, **headers: str) -> httpx.Response:
    answer = client.post("/v1/analyses", params={"model": VIT}, content=photo,
                         headers={"Content-Type": "image/png", **headers})  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer


def test_ids_follow_from_the_servers_secret(
    serve: Callable[..., Running], site: Running, picture: Callable[[int], bytes]
) -> None:
    photo = picture(11)
    same = [serve(secret="a-secret-of-our-own") for _ in range(2)]
    first, second = (server.analyse(photo)["id"] for server in same)
    assert first == second
    assert site.analyse(photo)["id"] != first


def test_only_its_maker_forgets_an_analysis(site: Running, picture: Callable[[int], bytes]) -> None:
    with httpx.Client(base_url=site.url) as ann, httpx.Client(base_url=site.url) as bob:
        made = post(ann, picture(12)).json()["links"]["self"]
        refused = bob.delete(made)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-yours")
        assert bob.get(made).status_code == 200
        assert bob.delete(made, headers={"Fovea-Key": "0" * 32}).status_code == 403
        assert ann.delete(made).status_code == 204
        assert ann.get(made).status_code == 404


def test_the_key_in_the_answer_does_what_the_cookie_does(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    made = httpx.post(
        f"{site.url}/v1/analyses", params={"model": VIT}, content=picture(13),
        headers={"Content-Type": "image/png"},
    )  # fmt: skip
    key = {"Fovea-Key": made.headers["Fovea-Key"]}
    assert len(key["Fovea-Key"]) == 32
    address = site.url + made.headers["Location"]
    assert httpx.delete(address).status_code == 403
    assert httpx.delete(address, headers=key).status_code == 204


def test_what_two_have_made_goes_with_the_last_of_them(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    with httpx.Client(base_url=site.url) as ann, httpx.Client(base_url=site.url) as bob:
        made = post(ann, picture(14)).json()["links"]["self"]
        assert post(bob, picture(14)).json()["links"]["self"] == made
        assert ann.delete(made).status_code == 204
        assert bob.get(made).status_code == 200
        assert bob.delete(made).status_code == 204
        assert bob.get(made).status_code == 404


@pytest.fixture(scope="module")
def guarded(serve: Callable[..., Running]) -> Running:
    return serve(token=TOKEN, allowed_origins="https://lab.example", secret="of-the-guarded-one")


def test_the_token_forgets_what_others_made(
    guarded: Running, picture: Callable[[int], bytes]
) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=guarded.url) as browser:
        signed = browser.get("/", params={"token": TOKEN})
        assert signed.status_code == 303
        made = post(browser, picture(15)).json()["links"]["self"]
    with httpx.Client(base_url=guarded.url) as other:
        other.get("/", params={"token": TOKEN})
        assert other.delete(made).status_code == 403  # Signed in, but it is not the operator's.
        assert other.delete(made, headers=bearer).status_code == 204


def test_cookies_are_secure_behind_tls_and_do_not_give_the_token_away(guarded: Running) -> None:
    plain = httpx.get(f"{guarded.url}/", params={"token": TOKEN}).headers["Set-Cookie"]
    tls = httpx.get(
        f"{guarded.url}/", params={"token": TOKEN}, headers={"X-Forwarded-Proto": "https"}
    ).headers["Set-Cookie"]
    assert "Secure" not in plain
    assert "Secure" in tls
    for cookie in (plain, tls):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Max-Age=" in cookie
        assert TOKEN not in cookie


def test_wrong_tokens_are_answered_later_and_later(guarded: Running) -> None:
    taken = []
    for guess in ("a", "b", "c"):
        started = time.monotonic()
        wrong = httpx.get(f"{guarded.url}/v1/models", headers={"Authorization": f"Bearer {guess}"})
        taken.append(time.monotonic() - started)
        assert wrong.status_code == 401
    assert taken[0] >= 0.25
    assert taken[2] >= 0.7
    right = httpx.get(f"{guarded.url}/v1/models", headers={"Authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200


def test_another_origin_may_call_with_the_token_only(guarded: Running) -> None:
    origin = {"Origin": "https://lab.example", "Sec-Fetch-Site": "cross-site"}
    asked = httpx.options(
        f"{guarded.url}/v1/analyses",
        headers={**origin, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization,content-type"},
    )  # fmt: skip
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "https://lab.example"
    assert "Access-Control-Allow-Credentials" not in asked.headers
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with_token = httpx.post(f"{guarded.url}/v1/analyses", headers={**origin, **bearer})
    assert with_token.status_code == 422  # There is no photo in it; but it got that far.
    assert with_token.headers["Access-Control-Allow-Origin"] == "https://lab.example"
    assert httpx.post(f"{guarded.url}/v1/analyses", headers=origin).status_code == 403
    evil = {**origin, "Origin": "https://evil.example"}
    refused = httpx.post(f"{guarded.url}/v1/analyses", headers={**evil, **bearer})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_one_client_may_ask_so_often() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for _ in range(60):
        rates.check("ann")
    with pytest.raises(RateLimited) as raised:
        rates.check("ann")
    assert raised.value.headers["Retry-After"] == "1"
    rates.check("bob")
    now[0] += 1.0
    rates.check("ann")
    with pytest.raises(RateLimited):
        rates.check("ann")


def test_the_rate_limit_holds_for_the_api_and_not_for_health(serve: Callable[..., Running]) -> None:
    server = serve(rate_limit=3)
    found = [server.client.get("/v1/jobs/none").status_code for _ in range(5)]
    assert found == [404, 404, 404, 429, 429]
    assert server.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "token": TOKEN}, False),
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "lab.example"}, True),
    ],
)
def test_listening_to_others_without_a_token_is_warned_of(
    settings: dict[str, str], warned: bool
) -> None:
    lines = warnings(Settings(**settings), shown=True)
    assert bool(lines) == warned
    assert not any(TOKEN in line for line in warnings(Settings(**settings), shown=False))


def test_the_access_log_has_the_path_without_what_was_asked(
    guarded: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "fovea.access"):
        httpx.get(f"{guarded.url}/", params={"token": TOKEN})
        httpx.get(f"{guarded.url}/healthz", headers={"X-Request-ID": "mine"})
        until(lambda: len(caplog.records) >= 2)  # Written after the answer has left.
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    health = next(line for line in lines if line["path"] == "/healthz")
    assert (health["method"], health["status"], health["request_id"]) == ("GET", 200, "mine")
    assert health["ms"] >= 0
    assert TOKEN not in json.dumps(lines)


def framed(policy: str) -> str:
    return next(p for p in policy.split("; ") if p.startswith("frame-ancestors"))


def test_who_may_frame_the_page_is_a_setting(site: Running, serve: Callable[..., Any]) -> None:
    hub = serve(frame_ancestors="https://hub.example, 'self'")
    policy = hub.client.get("/").headers["Content-Security-Policy"]
    assert framed(policy) == "frame-ancestors https://hub.example 'self'"
    assert framed(site.client.get("/").headers["Content-Security-Policy"]).endswith("'none'")
