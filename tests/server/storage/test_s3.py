"""The photo store in a bucket: s3fs against an S3-compatible server over HTTP on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from fovea.server.settings import Settings
from fovea.server.storage.files import Files
from tests.server.conftest import OneNetwork, Running, running, until

pytest.importorskip(
    "s3fs", reason="s3fs is not installed: pip install s3fs 'moto[s3]' flask flask-cors"
)
moto = pytest.importorskip(
    "moto.server", reason="moto is not installed: pip install s3fs 'moto[s3]' flask flask-cors"
)

pytestmark = pytest.mark.filterwarnings("ignore")  # botocore's and moto's own


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket's address."""
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        assert httpx.put(f"http://{host}:{port}/photos").status_code == 200
        yield "s3://photos"
    server.stop()


def test_files(bucket: str) -> None:
    files = Files(f"{bucket}/files")
    files.check()
    assert files.read("a/b") is None
    files.write("a/b", b"one")
    files.write("a/b", b"two")
    files.write("a/c/d", b"")
    assert files.read("a/b") == b"two"
    assert not files.create("a/b", b"three")
    assert files.create("e", b"three")
    listed = {found.name: found.nbytes for found in files.listed("a")}
    assert listed == {"a/b": 3, "a/c/d": 0}
    assert all(found.modified > 1e9 for found in files.listed("a"))
    assert Files(f"{bucket}/files").read("e") == b"three"
    files.delete("a")
    files.delete("a")
    assert files.listed("a") == []
    assert not files.exists("a/b")


def test_after_a_restart_on_another_instance_and_deleted(
    bucket: str, picture: Callable[[int], bytes]
) -> None:
    networks = OneNetwork()
    networks.network.open.set()
    settings = Settings(default_model=OneNetwork.ID, photo_store=f"{bucket}/fovea", device="cpu")

    def look(on: Running, **headers: str) -> httpx.Response:
        until(lambda: on.client.get("/readyz").status_code == 200)
        return on.client.post("/v1/analyses", content=picture(1), headers=headers)

    def problem(response: httpx.Response) -> Any:
        return response.json()["type"]

    with running(settings, networks) as on:
        sent = look(on)
        assert sent.status_code == 201, sent.text
        here, key = sent.headers["Location"], {"Fovea-Key": sent.headers["Fovea-Key"]}
        addresses = (here, f"{here}/image", f"{here}/sites/s00/attention?query=all&format=npy")
        before = [on.client.get(address).content for address in addresses]
    with running(settings, networks) as on, running(settings, networks) as other:
        assert [on.client.get(address).content for address in addresses] == before
        assert [other.client.get(address).content for address in addresses] == before
        assert look(other, **key).headers["Location"] == here
        assert other.client.delete(here, headers=key).status_code == 204
        gone = other.client.get(here)
        assert (gone.status_code, problem(gone)) == (404, "/problems/unknown-analysis")
    assert [found.name for found in Files(f"{bucket}/fovea").listed("photos")] == []
