"""A GPU against the CPU: compares sites, maps and figures of every bundled network from two
servers.

The tests compare the CPU's answers with float64 references; this measures how far a GPU deviates
from them, which routes fail there, and the time for a photo. Requires a GPU.
"""

from __future__ import annotations

import base64
import io
import math
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from starlette.testclient import TestClient

from benchmarks.timing import table
from fovea.models.catalog.shipped import bundled
from fovea.models.methods.registry import NAMES
from fovea.server.app import create_app
from fovea.server.settings import load

SAMPLES = Path(__file__).parent.parent / "frontend" / "samples"
PHOTOS = {
    "stn_digits": "digit_turned.png",
    "stn_signs": "sign_priority.png",
    "sa_unet": "room_bricks.jpg",
}
FIGURES = ("attention-distance", "entropy", "head-importance", "gate", "attention-matrix")
SAID = {"sentence", "timings_ms", "request_id", "links", "href", "text", "hovertemplate"}
"""Fields that put numbers into words or are specific to one answer."""

SENTENCE = "the small dog sees three red cats"
REPEATS = 12
VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
WEIGHTS = os.environ.get("FOVEA_WEIGHTS_DIR")


def routes(analysis: dict[str, Any]) -> Iterator[str]:
    """The addresses of everything offered for the analysis."""
    for site in analysis["sites"]:
        of = f"sites/{site['id']}"
        match site["kind"]:
            case "attention":
                yield f"{of}/attention?head=all"
                yield f"{of}/attention?direction=to"
                yield f"{of}/steps"
                yield f"{of}/stream"
                yield f"figures/attention-matrix?site={site['id']}"
                yield f"maps/received?site={site['id']}"
            case "spatial-transformer":
                yield from (f"{of}/grid", f"{of}/steps", f"{of}/grid/warped")
            case _:
                yield from (f"{of}/gate", f"{of}/features?channel=0", f"{of}/steps")
                yield f"figures/gate?site={site['id']}"
    yield from (f"maps/{name}" for name in NAMES)
    yield from (f"figures/{name}" for name in FIGURES[:3])
    if analysis["output"] and analysis["output"]["kind"] == "mask":
        yield "mask"


def furthest(one: Any, other: Any) -> float:
    """The largest difference between corresponding numbers, relative to the largest in its row.

    Infinite if shapes differ, or anything other than numbers.
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        if "bdata" in one:  # an array in Plotly's encoding
            return furthest(*(_array(each).tolist() for each in (one, other)))
        return max((furthest(one[key], other[key]) for key in one if key not in SAID), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        if one and all(isinstance(each, float | int | None) for each in (*one, *other)):
            if any((a is None) != (b is None) for a, b in zip(one, other, strict=True)):
                return math.inf
            pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None]
            size = max((abs(a) for a, _ in pairs), default=0.0) or 1.0
            return max((abs(a - b) / size for a, b in pairs), default=0.0)
        return max((furthest(*pair) for pair in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) / max(1.0, abs(one))
    return 0.0 if one == other else math.inf


def _array(written: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(written["bdata"]), dtype=written["dtype"])


def ask(client: TestClient, model: str, number: int = 0) -> dict[str, Any]:
    """An analysis of the network's sample. number: changes one pixel, so that the photo is new."""
    if model == "text_transformer":
        answer = client.post("/v1/analyses", json={"model": model, "text": SENTENCE})
    else:
        picture = Image.open(SAMPLES / PHOTOS.get(model, "chelsea.jpg")).convert("RGB")
        picture.putpixel((0, 0), (number, number, number))
        file = io.BytesIO()
        picture.save(file, "PNG")
        answer = client.post(
            "/v1/analyses",
            params={"model": model},
            content=file.getvalue(),
            headers={"Content-Type": "image/png"},
        )
    if answer.status_code >= 300:
        raise SystemExit(f"{model}: {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def compare(model: str, gpu: TestClient, cpu: TestClient) -> list[str]:
    """One row of the table; prints differences above one percent."""
    differences, failed, numbers = [], 0, [ask(client, model) for client in (gpu, cpu)]
    differences.append(furthest(numbers[0]["predictions"], numbers[1]["predictions"]))
    for route in routes(numbers[1]):
        answers = [
            client.get(f"/v1/analyses/{analysis['id']}/{route}")
            for client, analysis in zip((gpu, cpu), numbers, strict=True)
        ]
        if answers[0].status_code != answers[1].status_code:
            failed += 1
            print(f"{model} {route}: {[answer.status_code for answer in answers]}")
            print(f"  {answers[0].text[:300]}")
            continue
        if answers[1].status_code != 200:
            continue
        if "json" not in answers[1].headers["content-type"]:
            continue
        apart = furthest(*(answer.json() for answer in answers))
        if apart > 1e-2:
            print(f"{model} {route}: {apart:.4f} apart")
        differences.append(apart)
    forward = [
        statistics.median(
            ask(client, model, number)["timings_ms"]["forward"] for number in range(1, REPEATS)
        )
        if model != "text_transformer"
        else math.nan
        for client in (gpu, cpu)
    ]
    finite = [apart for apart in differences if math.isfinite(apart)]
    return [
        model,
        f"{len(differences)}",
        f"{failed}",
        f"{statistics.median(finite):.1e}",
        f"{max(differences):.1e}",
        f"{forward[0]:.1f} ms",
        f"{forward[1]:.1f} ms",
    ]


def server(device: str) -> TestClient:
    """A server on the device, called without a socket."""
    settings = load(
        device=device,
        offline=True,
        json_budget_bytes=1 << 28,
        weights_dir=Path(WEIGHTS) if WEIGHTS else None,
    )
    return TestClient(
        create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False
    )


def main() -> None:
    """Print the table."""
    if not torch.cuda.is_available():
        print("no GPU here: nothing to compare")
        return
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}\n")
    started = perf_counter()
    with server("cuda") as gpu, server("cpu") as cpu:
        rows = [compare(name, gpu, cpu) for name in (*bundled(), *([VIT] if WEIGHTS else []))]
    header = ("network", "routes", "failed", "median apart", "at most", "forward, GPU", "CPU")
    print(table(header, rows))
    print(f"\n{perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
