"""What can be said of replicas; known without Ray."""

from typing import Any

import pytest

from fovea.server.cluster.options import Options, replicas_of, shared
from fovea.server.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"fewest": 3, "most": 2}, "make no sense"),
        ({"fewest": 0}, "make no sense"),
        ({"replicas": 3}, "valid: fewest"),
        ({"busy": "many"}, "busy is a number"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        Options.of(said)


def test_what_makes_sense() -> None:
    assert Options.of({"fewest": "2", "most": 3, "gpus": "0.5"}) == Options(2, 3, gpus=0.5)
    assert (replicas_of("3"), replicas_of("1-4")) == ((3, 3), (1, 4))


def test_a_store_is_needed() -> None:
    with pytest.raises(SettingsError, match="FOVEA_PHOTO_STORE"):
        shared(Settings(photo_store="memory"))
