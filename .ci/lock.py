"""Write the three lock files: what pip resolves pyproject.toml to.

What is locked keeps its version; `--upgrade` takes the newest of everything but torch.

pip resolves without installing; a pin that only one platform's build can satisfy is made general:
local versions are dropped ("2.13.0+cpu" is 2.13.0, whichever build a platform's index offers) and
the GPU libraries that a torch build brings along are left to that build's own exact requirements.

requirements-apart.lock is what lies over the other two in the environment of `make test-apart`:
packages that they lack, and those that must be older there.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = "fovea-microscope"
TORCH = "torch==2.13.0"
"""The release in the locks; pyproject.toml names the range. It is moved by hand, with the tests."""

OLDER_APART = ("python-dateutil", "typer")
"""What the packages of `make test-apart` want older than the tests do."""

BROUGHT_BY_TORCH = re.compile(r"(nvidia|cuda)-.*|triton|pytorch-triton.*")


def resolve(targets: list[str], constraints: list[str]) -> dict[str, str]:
    """Name → exact version of all that installing `targets` on a bare machine would bring."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", *targets]
    for name in constraints:
        command += ["--constraint", name]
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


def resolve_apart(beneath: dict[str, str]) -> dict[str, str]:
    """The same for the group `apart`, without what the environment beneath has as it is needed."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["apart"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as fixed:
        kept = {} if UPGRADE else read("requirements-apart.lock")
        for name, version in {**beneath, **kept}.items():
            if name in kept or name not in OLDER_APART:
                print(f"{name}=={version}", file=fixed)
        fixed.flush()
        found = resolve(wanted, [fixed.name])
    return {name: version for name, version in found.items() if beneath.get(name) != version}


def read(name: str) -> dict[str, str]:
    """The pins of a lock file that is there."""
    path = ROOT / name
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("==") for line in lines if "==" in line)


UPGRADE = "--upgrade" in sys.argv
LOCKED = [] if UPGRADE else ["requirements.lock", "requirements-dev.lock"]

everything = resolve([".[dev]", TORCH], LOCKED)
runtime = {name: everything[name] for name in resolve([".", TORCH], LOCKED)}
development = {name: version for name, version in everything.items() if name not in runtime}
write("requirements.lock", "What `make serve` and the container install.", runtime)
write(
    "requirements-dev.lock",
    "What tests and checks need besides.",
    development,
    first="-r requirements.lock",
)
write(
    "requirements-apart.lock",
    "What `make test-apart` lays over the two.",
    resolve_apart(everything),
)
