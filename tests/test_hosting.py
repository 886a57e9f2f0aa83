"""Where people host it: under a path behind a real nginx with a real browser, in a frame, and the
files of examples/hosting and Docker say what the program says.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from prometheus_client.parser import text_string_to_metric_families

from fovea.server.settings import PREFIX, Settings
from tests.server.conftest import Running, picture, running, weights_dir

__all__ = ["picture", "weights_dir"]  # fixtures

ROOT = Path(__file__).resolve().parent.parent
HOSTING = ROOT / "examples" / "hosting"
NGINX = shutil.which("nginx")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def nginx(folder: Path, upstream: str, conf: str) -> Iterator[str]:
    """The locations of examples/hosting/nginx.conf in a server of their own."""
    assert NGINX is not None
    port = free_port()
    locations = conf.replace("http://127.0.0.1:8000/", upstream + "/")
    (folder / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; pid {folder}/pid;\n"
        f"error_log {folder}/error.log;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body;\n"
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port};\n{locations}\n}} }}\n"
    )
    server = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/fovea/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/fovea"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def behind(weights_dir: Path) -> Iterator[Running]:
    settings = Settings(
        weights_dir=weights_dir, offline=True, frame_ancestors=("http://127.0.0.1:*",)
    )
    with running(settings) as server:
        yield server


@pytest.fixture(scope="module", params=["taken off", "left on"])
def outside(
    request: pytest.FixtureRequest, behind: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address under nginx, which takes the prefix off the path or leaves it there."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    conf = (HOSTING / "nginx.conf").read_text()
    upstream = behind.url if request.param == "taken off" else f"{behind.url}/fovea"
    with nginx(tmp_path_factory.mktemp("nginx"), upstream, conf) as url:
        yield url


def test_every_address_in_an_answer_works_from_outside(
    outside: str, picture: Callable[[int], bytes]
) -> None:
    root = outside.removesuffix("/fovea")
    posted = httpx.post(f"{outside}/v1/analyses", files={"image": picture(3)}, timeout=60)
    assert posted.status_code == 201, posted.text
    links = posted.json()["links"]
    assert posted.headers["Location"] == links["self"]
    for link in (links["self"], links["image"], links["model"]):
        assert link.startswith("/fovea/")
        assert httpx.get(root + link).status_code == 200
    assert "path=/fovea/" in posted.headers["Set-Cookie"].lower()
    missing = httpx.get(f"{outside}/v1/analyses/none").json()
    assert missing["type"] == "/fovea/problems/unknown-analysis"
    assert httpx.get(root + missing["type"]).status_code == 200
    assert missing["instance"] == "/fovea/v1/analyses/none"
    contract = httpx.get(f"{outside}/openapi.json").json()
    assert contract["servers"] == [{"url": "/fovea"}]
    assert httpx.get(outside).status_code == 308


def test_a_server_that_is_told_its_path_needs_no_header(weights_dir: Path) -> None:
    settings = Settings(weights_dir=weights_dir, offline=True, root_path="/lab/fovea/")
    with running(settings) as server:
        whole = server.client.get("/lab/fovea/v1/jobs/none").json()
        assert whole["type"] == "/lab/fovea/problems/unknown-job"
        assert server.client.get("/v1/jobs/none").json()["type"] == whole["type"]
        assert server.client.get("/lab/fovea/").status_code == 200
        assert server.client.get("/lab/fovea").headers["Location"] == "/lab/fovea/"


def test_a_prefix_is_believed_of_trusted_proxies_only(weights_dir: Path) -> None:
    settings = Settings(weights_dir=weights_dir, offline=True, trusted_proxies=("10.0.0.1",))
    with running(settings) as server:
        given = {"X-Forwarded-Prefix": "/evil"}
        assert server.client.get("/v1/jobs/none", headers=given).json()["type"].startswith("/prob")


@pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "/a b", "evil", "/" + "a" * 300])
def test_a_strange_prefix_is_none(behind: Running, prefix: str) -> None:
    given = {"X-Forwarded-Prefix": prefix}
    answer = behind.client.get("/v1/jobs/none", headers=given).json()
    assert answer["type"] == "/problems/unknown-job"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("framed", [False, True], ids=["page", "in a frame"])
def test_the_page_works_under_a_path(
    outside: str, browser: Browser, tmp_path: Path, framed: bool
) -> None:
    page = browser.new_page()
    failed: list[str] = []
    page.on("response", lambda r: failed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("console", lambda m: failed.append(m.text) if m.type == "error" else None)
    address = f"{outside}/"
    if framed:
        holder = f"{outside.removesuffix('/fovea')}/holder"
        html = f'<!doctype html><iframe src="{address}" width=1200 height=800></iframe>'
        page.route("**/holder", lambda route: route.fulfill(body=html, content_type="text/html"))
        address = holder
    page.goto(address)
    shown = page.frame_locator("iframe") if framed else page
    file = shown.locator("input[type=file]").first
    file.wait_for(state="attached")
    file.set_input_files(ROOT / "frontend" / "samples" / "sunflower.jpg")
    shown.locator("canvas.overlay").first.wait_for(state="visible", timeout=20_000)
    page.wait_for_timeout(500)
    assert not [line for line in failed if "favicon" not in line], failed
    page.close()


def test_the_documentation_works_under_a_path(outside: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{outside}/docs")
    page.get_by_text("/v1/analyses", exact=False).first.wait_for(timeout=30_000)
    page.close()


# --- files that are read by others --------------------------------------------------------------


def test_compose_passes_every_setting() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    named = set(re.findall(r"^ +(FOVEA_[A-Z_]+):", compose, flags=re.M))
    assert named == {PREFIX + name.upper() for name in Settings.model_fields}
    for bound in ("mem_limit", "pids_limit", "max-size", "nofile", "read_only: true"):
        assert bound in compose


def metric_names(server: Running) -> set[str]:
    families = text_string_to_metric_families(server.client.get("/metrics").text)
    return {sample.name for family in families for sample in family.samples}


def test_the_dashboard_is_one_and_asks_for_metrics_that_exist(
    behind: Running, picture: Callable[[int], bytes]
) -> None:
    behind.client.post("/v1/analyses", files={"image": picture(4)})
    dashboard: dict[str, Any] = json.loads((HOSTING / "grafana.json").read_text())
    # What Grafana asks of a dashboard file (its schema, version 39).
    assert isinstance(dashboard["title"], str)
    assert dashboard["schemaVersion"] >= 36
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    known = metric_names(behind)
    for panel in panels:
        assert {"type", "title", "gridPos", "targets"} <= panel.keys()
        assert {"h", "w", "x", "y"} == panel["gridPos"].keys()
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["datasource"]["uid"].strip("${}") in variables
        for target in panel["targets"]:
            asked = set(re.findall(r"fovea_\w+", target["expr"]))
            assert asked
            assert asked <= known, asked - known


def test_nothing_in_the_metrics_is_made_up_by_clients(behind: Running) -> None:
    behind.client.get("/v1/models/" + "x" * 100)
    behind.client.get("/nowhere/at/all")
    text = behind.client.get("/metrics").text
    assert "xxxx" not in text
    assert "nowhere" not in text
