"""Whatever is asked: an answer, or a problem of the client's, never a failure of ours."""

from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fovea.server.wire import schemas
from tests.server.conftest import Running

TEXT = st.text(max_size=20) | st.sampled_from(
    ["cls", "all", "0", "3,3", "mean", "-1", "1e309", "NaN", "9" * 40, "from", "to", "0,0,0", "٣"]
)
NAMES = (
    "query", "direction", "head", "window", "render", "colormap", "opacity", "channel",
    "fusion", "discard", "site", "search", "limit",
)  # fmt: skip
PATHS = (
    "/sites/s00/attention", "/sites/s00/projections", "/sites/s00/gate", "/sites/s00/features",
    "/sites/s00/grid", "/sites/s00/grid/warped", "/maps/rollout", "/figures/attention-matrix",
    "/figures/gate", "/figures/entropy", "/sites/s00/stream", "/maps/received",
    "/maps/token-lengths", "/image", "",
)  # fmt: skip
ACCEPTS = st.sampled_from(
    ["application/json", "image/png", "application/x-npy", "application/vnd.safetensors", "*/*"]
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)

KINDS = ("multipart/form-data; boundary=b", "image/png", "multipart/form-data", "text/plain", "")

QUICK = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        problem = schemas.Problem.model_validate(response.json())
        assert "Traceback" not in response.text
        assert problem.detail


@QUICK
@given(path=st.sampled_from(PATHS), query=st.dictionaries(st.sampled_from(NAMES), TEXT),
       accept=ACCEPTS)  # fmt: skip
def test_any_parameters(
    site: Running, analysis: dict[str, Any], path: str, query: dict[str, str], accept: str
) -> None:
    url = f"/v1/analyses/{analysis['id']}{path}"
    check(site.client.get(url, params=query, headers={"Accept": accept}))


@QUICK
@given(parts=st.lists(TEXT, min_size=1, max_size=4), method=st.sampled_from(["GET", "PUT", "HEAD"]))
def test_any_address(site: Running, parts: list[str], method: str) -> None:
    path = "/v1/" + "/".join(quote(part, safe="") for part in parts)
    response = site.client.request(method, path)
    assert response.status_code < 500, response.text


@QUICK
@given(body=st.binary(max_size=300), kind=st.sampled_from(KINDS))
def test_any_body(site: Running, body: bytes, kind: str) -> None:
    check(site.client.post("/v1/analyses", content=body, headers={"Content-Type": kind}))
    framed = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + body + b"\r\n--b--"
    check(site.client.post("/v1/analyses", content=framed, headers={"Content-Type": kind}))
