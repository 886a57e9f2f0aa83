"""Clients that others' generators make of the OpenAPI document send photos and read the answers."""

import base64
import importlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server.conftest import VIT, Running, picture, serve, site, until, weights_dir

__all__ = ["picture", "serve", "site", "weights_dir"]  # fixtures

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "node_modules" / ".bin"

LEFT_OUT = ("--default-non-nullable", "false")
"""For openapi-typescript: what has a default may be left out of what is sent."""

BINARY = ("image/png", "image/jpeg", "image/webp", "application/x-npy",
          "application/vnd.safetensors", "image/*")  # fmt: skip
"""What openapi-python-client has to be told to be bytes; docs/client.md has the file."""


@pytest.fixture(scope="module")
def document(site: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "openapi.json"
    path.write_bytes(site.client.get("/openapi.json").content)
    return path


@pytest.fixture(scope="module")
def generated(document: Path) -> Iterator[str]:
    """The name of the package that openapi-python-client makes."""
    pytest.importorskip(
        "openapi_python_client",
        reason="openapi-python-client is not installed: pip install openapi-python-client",
    )
    overrides = dict.fromkeys(BINARY, "application/octet-stream")
    config = document.with_name("config.json")
    config.write_text(json.dumps({"content_type_overrides": overrides, "post_hooks": []}))
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document),
        "--output-path", str(document.with_name("fovea_made")), "--meta", "none",
        "--config", str(config),
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "WARNING" not in made.stdout, made.stdout
    sys.path.insert(0, str(document.parent))
    yield "fovea_made"
    sys.path.remove(str(document.parent))


def test_python(generated: str, site: Running, picture: Callable[[int], bytes]) -> None:
    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{generated}.{name}")

    types, models = module("types"), module("models")
    client = module("client").Client(site.url, timeout=60)
    body = models.AnalyseFilesBody(
        image=types.File(io.BytesIO(picture(1)), "noise.png", "image/png"), model=VIT
    )
    seen = module("api.analyses.analyse").sync(client=client, body=body)
    assert isinstance(seen, models.Analysis), seen
    assert seen.predictions[0].score > 0
    photo = module("api.analyses.read_image").sync(seen.id, client=client)
    with Image.open(photo.payload) as opened:
        assert (opened.format, opened.size) == ("PNG", (200, 120))

    read_map = module("api.maps_and_figures.read_map")
    array = read_map.sync(seen.id, "relevance", client=client, target="3")
    assert isinstance(array, models.NamedArray)

    def as_bytes(form: str) -> io.BytesIO:
        """An operation that has JSON first parses nothing else: its request is made, not parsed."""
        wanted = models.ReadMapFormatType0(form)
        request = read_map._get_kwargs(seen.id, "relevance", target="3", format_=wanted)
        return io.BytesIO(client.get_httpx_client().request(**request).content)

    values = np.load(as_bytes("npy"))
    np.testing.assert_allclose(values, np.array(array.to_dict()["values"]), rtol=1e-6)
    with Image.open(as_bytes("png")) as opened:
        assert (opened.format, opened.size) == ("PNG", (200, 120))

    refused = read_map.sync(seen.id, "no-such-map", client=client)
    assert isinstance(refused, models.Problem)
    assert (refused.status, refused.type_) == (404, "/problems/unknown-map")

    sweep_body = models.Sweep(over=models.SweepOver.HEADS)
    sweep = module("api.what_if.sweep_analysis")
    job = sweep.sync(seen.id, client=client, body=sweep_body)
    assert isinstance(job, models.Job), job
    read_job = module("api.jobs.read_job")
    until(lambda: read_job.sync(job.id, client=client).state == models.JobState.DONE)
    found = read_job.sync(job.id, client=client)
    read_sweep = module("api.what_if.read_sweep")
    effects = read_sweep.sync(seen.id, found.result.rpartition("/")[2], client=client)
    assert isinstance(effects, models.NamedArray)


PROGRAM = Path(__file__).with_name("use_types.ts").read_text("utf-8")


@pytest.mark.skipif(
    not (TOOLS / "tsc").exists() or shutil.which("node") is None,
    reason="openapi-typescript is not installed: make lint-page installs it",
)
def test_typescript(document: Path, site: Running, picture: Callable[[int], bytes]) -> None:
    folder = document.parent
    (folder / "package.json").write_text('{"type": "module"}')
    # What `process` and `Buffer` are; @types/node is not among what the page is checked with.
    (folder / "node.d.ts").write_text(
        "declare const process: { argv: string[] };\n"
        "declare const Buffer: { from(text: string, form: string): Uint8Array<ArrayBuffer> };\n"
    )
    (folder / "use.ts").write_text(PROGRAM.replace("MODEL", VIT))
    run(TOOLS / "openapi-typescript", document, "--output", folder / "fovea.d.ts", *LEFT_OUT)
    strict = (
        *("--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"),
        *("--module", "es2022", "--moduleResolution", "bundler"),
    )
    run(TOOLS / "tsc", *strict, "--outDir", folder, folder / "node.d.ts", folder / "use.ts")
    photo = base64.b64encode(picture(1)).decode()
    told = json.loads(run("node", folder / "use.js", site.url, photo))
    assert told["score"] > 0
    assert bytes(told["png"]) == b"\x89PNG"
    assert bytes(told["npy"]) == b"\x93NUMPY"
    assert (told["problem"], told["job"]) == ("/problems/unknown-map", "done")
    # The types say something: what the contract does not know is a mistake.
    (folder / "wrong.ts").write_text(
        PROGRAM.replace("MODEL", VIT).replace('over: "heads"', 'over: "toes"')
    )
    with pytest.raises(AssertionError, match="toes"):
        run(TOOLS / "tsc", *strict, "--noEmit", folder / "node.d.ts", folder / "wrong.ts")


def run(*command: Any) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
