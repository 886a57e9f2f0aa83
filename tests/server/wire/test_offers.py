"""What an analysis offers is cached by the form of its trace, and still correct for each photo."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fovea.models.catalog.shipped import bundled
from fovea.server.wire import offers, schemas
from tests.server.conftest import SE, VIT, WINDOWED, Running

SAMPLES = Path(__file__).parents[3] / "frontend" / "samples"
SEEING = [id for id, spec in bundled().items() if spec.preprocessing]


@pytest.mark.parametrize("model", [VIT, SE, WINDOWED, *SEEING])
def test_cached_offers_equal_fresh_ones(
    site: Running, picture: Callable[[int], bytes], model: str
) -> None:
    told = [site.analyse(picture(seed), model) for seed in range(3)]
    for one in told:
        schemas.Analysis.model_validate(one)
        offers._offered.clear()
        assert again(site, one) == {**one, "timings_ms": again(site, one)["timings_ms"]}
    addresses = [offer["href"] for offer in _offers(told[2])]
    assert all(one.startswith(told[2]["links"]["self"] + "/") for one in addresses)


def test_each_photo_gets_its_own_class(site: Running) -> None:
    seen = set()
    for name in ("sunflower.jpg", "stop_sign.jpg", "chelsea.jpg"):
        told = site.analyse((SAMPLES / name).read_bytes(), "se_resnet")
        of_class = next(one for one in told["maps"] if one["name"] == "grad-cam")
        assert of_class["sentence_parameters"]["class"] == told["predictions"][0]["label"]
        seen.add(told["predictions"][0]["label"])
    assert len(seen) > 1


def again(site: Running, told: dict[str, Any]) -> dict[str, Any]:
    """The same analysis, requested again."""
    answer: dict[str, Any] = site.client.get(told["links"]["self"]).json()
    return answer


def _offers(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [*told["maps"], *(view for one in told["sites"] for view in one["views"])]
