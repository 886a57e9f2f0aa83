"""Who may cause downloads, and how much of the disk they may take, with a hub on loopback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fovea.server.settings import Settings
from tests.hub import Hub
from tests.server.conftest import SE, VIT, running

SOME_BYTES = 100_000
"""Less than the small ViT."""


@pytest.mark.parametrize(
    ("settings", "status", "problem"),
    [
        ({"downloads": "none"}, 403, "downloads-refused"),
        ({"downloads": "listed"}, 403, "downloads-refused"),
        ({"downloads": "all", "cache_budget_bytes": SOME_BYTES}, 507, "cache-full"),
        ({"downloads": "all", "cache_budget_bytes": 100 * SOME_BYTES}, 201, None),
    ],
)
def test_only_what_is_allowed_is_downloaded(
    served: Hub,
    tmp_path: Path,
    weights_dir: Path,
    picture: Callable[[int], bytes],
    settings: dict[str, Any],
    status: int,
    problem: str | None,
) -> None:
    assert len(served.files[f"timm/{VIT}"]) > SOME_BYTES
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{SE}.safetensors").symlink_to(weights_dir / f"{SE}.safetensors")
    folders = {"weights_dir": tmp_path / "here", "cache_dir": tmp_path / "cache"}
    with running(Settings(default_model=SE, **folders, **settings)) as server:
        asked = {"params": {"model": VIT}, "files": {"image": picture(1)}}
        answer = server.client.post("/v1/analyses", **asked)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        if problem is not None:
            assert answer.json()["type"] == f"/problems/{problem}"
        here = server.client.post("/v1/analyses", params={"model": SE}, files={"image": picture(1)})
        assert here.status_code == 201
    kept = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    if problem is not None:
        assert sum(file.stat().st_size for file in kept if not file.is_symlink()) <= SOME_BYTES
