"""A new kind of site is one folder in models/kinds: everything that lists kinds then has it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import httpx
import torch
from safetensors.torch import save_file

from tests.server.api.test_new_map import LISTS, ROOT, SERVES, environment, is_ready
from tests.server.conftest import until

KIND = '''
"""Hard masks (Verelst & Tuytelaars 2020, eq. 2): a place is computed if its score is positive."""

from fovea.models.kinds.kind import Shown, SiteKind


def _shown(site):
    return Shown(site.gate.values[0, 0].float(), ("row", "column"), "the places that are computed")


HARD_MASK = SiteKind(
    name="hard-mask",
    title="Hard mask",
    claim="gate",
    views=("gate",),
    leading=lambda calls, args: [],
    shown=_shown,
)
KINDS = (HARD_MASK,)
'''

STARTS = """
import torch

from fovea.models.records import Gate
from fovea.models.tracing.tensors import kept


def on_heaviside(watch, func, args, kwargs):
    result = func(*args, **kwargs)
    watch.recording.add("hard-mask", Gate(kept(result)))
    return result


STARTS = {torch.heaviside: on_heaviside}
"""

MAPS = """
from fovea.models.kinds.gate_map import GateMap

MAPS = (
    GateMap("hard-mask", "Hard mask", "The places that are computed", "m_ij = [s_ij > 0]",
            "Verelst & Tuytelaars 2020, eq. 2"),
)
"""

NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.head = nn.Conv2d(3, 1, 8, stride=8), nn.Linear(3, 2)

    def forward(self, photos):
        score = self.score(photos)
        mask = torch.heaviside(score, torch.zeros(()))
        small = nn.functional.avg_pool2d(photos, 8)
        return self.head(torch.where(mask > 0, small, 0.0).mean((2, 3)))

def make():
    return Net()
"""

WITH_IT = """
import sys
import fovea.models.kinds
fovea.models.kinds.__path__.append(sys.argv[1])
"""


def dropped_in(folder: Path) -> Path:
    kind = folder / "kinds" / "hard_mask"
    kind.mkdir(parents=True)
    for name, text in (("kind", KIND), ("starts", STARTS), ("maps", MAPS)):
        (kind / f"{name}.py").write_text(text)
    chinese = {"Hard mask {}": "硬掩码 {0}", "the places that are computed": "被计算的位置"}
    (kind / "zh.json").write_text(json.dumps(chinese, ensure_ascii=False), "utf-8")
    return kind.parent


def test_lists_and_documents_have_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_IT + LISTS, dropped_in(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lists = json.loads(done.stdout)
    assert "| `hard-mask` | The places that are computed | gate | m_ij" in lists["documents"]
    assert "| `hard-mask` | The places that are computed |" in lists["cli.md"]
    assert "hard-mask" in lists["help"]
    schemas = lists["contract"]["components"]["schemas"]
    named = [
        json.dumps(one) for one in schemas.values() if "spatial-transformer" in json.dumps(one)
    ]
    assert named
    assert all("hard-mask" in one for one in named), "wherever kinds are listed"


def test_a_server_recognises_and_shows_it(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "masked_net_of_a_test.py").write_text(NETWORK)
    scope: dict[str, type[torch.nn.Module]] = {}
    exec(NETWORK, scope)
    torch.manual_seed(4)
    network = scope["Net"]()
    save_file(network.state_dict(), models / "masked.safetensors")
    (models / "masked.toml").write_text(
        dedent(
            """
            builder = "masked_net_of_a_test:make"
            weights = "masked.safetensors"
            labels = ["a", "b"]

            [preprocessing]
            size = 32
            mean = [0.5, 0.5, 0.5]
            std = [0.5, 0.5, 0.5]
            """
        )
    )
    with subprocess.Popen(
        [sys.executable, "-c", WITH_IT + SERVES, dropped_in(tmp_path)],
        cwd=ROOT,
        env={**environment(), "FOVEA_MODELS_DIR": str(models)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            printed = (re.search(r"http://\S+/", line) for line in server.stdout)
            url = next(match for match in printed if match)
            with httpx.Client(base_url=url[0], timeout=60) as client:
                until(lambda: is_ready(client))
                photo = (ROOT / "frontend/samples/sunflower.jpg").read_bytes()
                files = {"image": ("sunflower.jpg", photo, "image/jpeg")}
                made = client.post("/v1/analyses", files=files, data={"model": "masked"})
                assert made.status_code == 201, made.text
                analysis = made.json()
                (site,) = analysis["sites"]
                assert (site["kind"], site["title"]) == ("hard-mask", "Hard mask")
                (offer,) = (one for one in analysis["maps"] if one["name"] == "hard-mask")
                assert offer["reason"] is None
                answer = client.get(offer["href"]).json()
                values = torch.tensor(answer["values"])
                assert values.shape == (4, 4)
                assert set(values.unique().tolist()) <= {0.0, 1.0}
                assert answer["sentence"] == "Hard mask 0: the places that are computed"
                chinese = client.get(offer["href"], params={"lang": "zh"}).json()
                assert chinese["sentence"] == "硬掩码 0：被计算的位置"
        finally:
            server.kill()
