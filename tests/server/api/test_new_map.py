"""A new map is one file: dropped into models/methods, everything that lists maps has it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from tests.server.conftest import until

ROOT = Path(__file__).parents[3]

MAP = '''
"""How many cells the photo has."""

from fovea.models.methods.base import Made, Method, Option, Phrase


def _check(subject, site):
    from fovea.models.methods.making.choosing import require_photo

    require_photo(subject)


def _make(subject, chosen):
    import torch

    from fovea.models.records import Map

    return Made(Map(torch.full((2, 3), chosen["amount"]), ("row", "column"), None, "the same"))


METHOD = Method(
    name="the-same", title="The same", summary="The same number everywhere", claim="saliency",
    equation="v = a", paper="nobody", check=_check, make=_make,
    sentence=lambda subject: Phrase("the-same", "the same"),
    options=(Option("amount", {"type": "number", "default": 0.5, "description": "the number"}),),
)
'''

WITH_IT = """
import sys
import fovea.models.methods
fovea.models.methods.__path__.append(sys.argv[1])
"""

LISTS = """
import json
from fovea.models.methods.making.table import table
from fovea.server.app import create_app
from fovea.server.commands import reference
from fovea.server.commands.cli import command_parsers, main, parser
print(json.dumps({
    "documents": table(),
    "cli.md": reference.maps(),
    "help": command_parsers(parser())["explain"].format_help(),
    "contract": create_app().openapi(),
}), flush=True)
"""

SERVES = 'from fovea.server.commands.cli import main\nmain(["serve", "--port", "0"])'


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FOVEA_")}
    return {**clean, "FOVEA_OFFLINE": "1"}


@pytest.fixture(scope="module")
def with_it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IO[str]]:
    """What a process with the map prints: its lists on one line, then where it serves."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "the_same.py").write_text(MAP)
    with subprocess.Popen(
        [sys.executable, "-c", WITH_IT + LISTS + SERVES, folder],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout
        finally:
            process.kill()


@pytest.fixture(scope="module")
def lists(with_it: IO[str]) -> Any:
    line = with_it.readline()
    assert line.startswith("{"), line + with_it.read()
    return json.loads(line)


def test_lists_and_documents_have_it(lists: Any) -> None:
    row = "| `the-same` | The same number everywhere | saliency | v = a | `amount` | nobody |"
    assert lists["documents"].splitlines()[-1] == row, "a map without an order stands last"
    assert "| `the-same` | The same number everywhere | `--amount` |" in lists["cli.md"]
    assert "--amount VALUE" in lists["help"]
    assert "The same number everywhere (--amount)" in lists["help"]
    paths = lists["contract"]["paths"]
    (route,) = (path for path in paths if re.fullmatch(r"/v1/analyses/{\w+}/maps/{\w+}", path))
    asked = paths[route]["get"]["parameters"]
    assert "amount" in {parameter["name"] for parameter in asked}


@pytest.mark.usefixtures("lists")
def test_a_server_makes_it(with_it: IO[str]) -> None:
    url = re.search(r"http://\S+/", with_it.readline())
    assert url is not None
    with httpx.Client(base_url=url[0], timeout=60) as client:
        until(lambda: is_ready(client))
        photo = (ROOT / "frontend/samples/sunflower.jpg").read_bytes()
        files = {"image": ("sunflower.jpg", photo, "image/jpeg")}
        analysis = client.post("/v1/analyses", files=files).json()
        offer = next(one for one in analysis["maps"] if one["name"] == "the-same")
        assert offer["reason"] is None
        assert offer["options"]["properties"]["amount"]["default"] == 0.5
        answer = client.get(offer["href"], params={"amount": 0.25}).json()
        assert answer["values"] == [[0.25] * 3] * 2
        refused = client.get(offer["href"], params={"amuont": 1})
        assert refused.status_code == 422
        assert "amount" in refused.json()["detail"]


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
