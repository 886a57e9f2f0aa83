"""A new map is one file: dropped into models/methods, everything that lists maps has it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

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
from fovea.server.commands.cli import command_parsers, parser
print(json.dumps({
    "documents": table(),
    "cli.md": reference.maps(),
    "help": command_parsers(parser())["explain"].format_help(),
    "contract": create_app().openapi(),
}))
"""

SERVES = """
from fovea.server.commands.cli import main
main(["serve", "--port", "0"])
"""


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FOVEA_")}
    return {**clean, "FOVEA_OFFLINE": "1"}


def test_lists_and_documents_have_it(tmp_path: Path) -> None:
    (tmp_path / "the_same.py").write_text(MAP)
    done = subprocess.run(
        [sys.executable, "-c", WITH_IT + LISTS, tmp_path],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    row = "| `the-same` | The same number everywhere | saliency | v = a | `amount` | nobody |"
    assert told["documents"].splitlines()[-1] == row, "a map without an order stands last"
    assert "| `the-same` | The same number everywhere | `--amount` |" in told["cli.md"]
    assert "--amount VALUE" in told["help"]
    assert "The same number everywhere (--amount)" in told["help"]
    paths = told["contract"]["paths"]
    (route,) = (path for path in paths if re.fullmatch(r"/v1/analyses/{\w+}/maps/{\w+}", path))
    asked = paths[route]["get"]["parameters"]
    assert "amount" in {parameter["name"] for parameter in asked}


def test_a_server_makes_it(tmp_path: Path) -> None:
    (tmp_path / "the_same.py").write_text(MAP)
    with subprocess.Popen(
        [sys.executable, "-c", WITH_IT + SERVES, tmp_path],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = re.search(r"http://\S+/", server.stdout.readline())
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
        finally:
            server.kill()


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
