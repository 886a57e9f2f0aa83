"""`fovea serve` as a person meets it: a process, its lines, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fovea.server.commands.cli import address, listen, main
from fovea.server.settings import Settings
from tests.server.conftest import VIT, until

ROOT = Path(__file__).parents[2]


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FOVEA_")}
    with subprocess.Popen(
        [sys.executable, "-m", "fovea", "serve", *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def test_it_says_where_it_is_answers_and_drains_when_told_to_stop(weights_dir: Path) -> None:
    settings = {
        "FOVEA_PORT": "0",
        "FOVEA_WEIGHTS_DIR": str(weights_dir),
        "FOVEA_DEFAULT_MODEL": VIT,
        "FOVEA_PROT": "1",
    }
    with process(**settings) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", first)
        assert url, first
        assert "FOVEA_PROT" in server.stdout.readline()
        with httpx.Client(base_url=url[0], timeout=30) as client:
            until(lambda: ready(client))
            # A request is under way when the signal comes: it is answered all the same.
            where = (httpx.URL(url[0]).host, httpx.URL(url[0]).port or 0)
            with socket.create_connection(where, timeout=20) as connection:
                body = b'{"not": "a photo"}'
                head = (
                    "POST /v1/analyses HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
                    f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                connection.sendall(head.encode())
                assert b"100" in connection.recv(4096).split(b"\r\n")[0]
                connection.sendall(body[:5])
                server.send_signal(signal.SIGTERM)
                until(lambda: refuses(where))
                connection.sendall(body[5:])
                assert b"415" in connection.recv(4096).split(b"\r\n")[0]
        assert server.wait(20) in (0, -signal.SIGTERM)


def refuses(where: tuple[str, int]) -> bool:
    """Whether nothing listens there any more."""
    try:
        socket.create_connection(where, timeout=20).close()
    except ConnectionRefusedError:
        return True
    return False


def test_it_opens_a_browser_when_it_is_ready(tmp_path: Path) -> None:
    """BROWSER names the browser, as on any system: here one that writes down the address."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])")
    command = f"{sys.executable} {browser} %s"
    with process("--port", "0", "--open", BROWSER=command) as server:
        assert server.stdout is not None
        url = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert url
        until(lambda: opened.exists() and opened.read_text() == url[0])


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("name", "value"),
    [("FOVEA_PORT", "x"), ("FOVEA_CACHE_DIR", "/proc/x"), ("FOVEA_DEVICE", "tpu")],
)
def test_a_bad_setting_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=name):
        main(["serve"])


def test_a_busy_port_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"port {port}"):
            main(["serve", "--port", str(port)])


def test_a_device_that_is_not_there_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOVEA_DEVICE", "cuda:99")
    with pytest.raises(SystemExit, match="FOVEA_DEVICE"):
        main(["serve", "--port", "0"])
    assert "http://127.0.0.1" in capsys.readouterr().out


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on


def test_the_address_to_open() -> None:
    assert address(Settings(host="0.0.0.0"), 80) == "http://127.0.0.1:80/"
    assert address(Settings(host="::1"), 80) == "http://[::1]:80/"
    hidden = Settings(token="a&b-and-fourteen-more")
    assert address(hidden, 80, True) == "http://127.0.0.1:80/?token=a%26b-and-fourteen-more"
    assert address(hidden, 80, False) == "http://127.0.0.1:80/"


def test_a_default_model_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEA_DEFAULT_MODEL", "vit_tine_patch16_224")
    with pytest.raises(SystemExit, match=r"FOVEA_DEFAULT_MODEL.*vit_base_patch16_224"):
        main(["serve", "--port", "0"])


def test_help_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert "FOVEA_PORT" in capsys.readouterr().out
