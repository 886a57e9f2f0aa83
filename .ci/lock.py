"""Write requirements.lock and requirements-dev.lock: what pip resolves pyproject.toml to.

What is locked keeps its version; `--upgrade` takes the newest of everything but torch.

pip resolves without installing; a pin that only one platform's build can satisfy is made general:
local versions are dropped ("2.13.0+cpu" is 2.13.0, whichever build a platform's index offers) and
the GPU libraries that a torch build brings along are left to that build's own exact requirements.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = "fovea-microscope"
TORCH = "torch==2.13.0"
"""The release in the locks; pyproject.toml names the range. It is moved by hand, with the tests."""

BROUGHT_BY_TORCH = re.compile(r"(nvidia|cuda)-.*|triton|pytorch-triton.*")


def resolve(target: str) -> dict[str, str]:
    """Name → exact version of all that installing `target` on a bare machine would bring."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", target, TORCH]
    if "--upgrade" not in sys.argv:
        command += ["--constraint", "requirements.lock", "--constraint", "requirements-dev.lock"]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    found = (item["metadata"] for item in json.loads(printed)["install"])
    pins = {re.sub(r"[-_.]+", "-", m["name"]).lower(): m["version"].split("+")[0] for m in found}
    return {n: v for n, v in pins.items() if n != OURS and not BROUGHT_BY_TORCH.fullmatch(n)}


def write(name: str, heading: str, pins: dict[str, str], first: str = "") -> None:
    """Write one lock file, sorted, so that its history reads as a list of upgrades."""
    lines = [f"# {heading}", "# Written by `make lock`; not edited by hand.", first]
    lines += [f"{package}=={version}" for package, version in sorted(pins.items())]
    (ROOT / name).write_text("\n".join(line for line in lines if line) + "\n")
    print(f"{name}: {len(pins)} packages")


everything = resolve(".[dev]")
runtime = {name: everything[name] for name in resolve(".")}
development = {name: version for name, version in everything.items() if name not in runtime}
write("requirements.lock", "What `make serve` and the container install.", runtime)
write(
    "requirements-dev.lock",
    "What tests and checks need besides.",
    development,
    first="-r requirements.lock",
)
