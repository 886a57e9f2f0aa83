"""What is kept, what makes room, what is remembered of it."""

import numpy as np
import pytest

from fovea.models.catalog.spec import ModelSpec
from fovea.models.geometry import Geometry
from fovea.models.preprocessing import Preprocessing
from fovea.models.records import Trace
from fovea.server import problems
from fovea.server.engine.analysis import Analysis
from fovea.server.engine.store import Store
from fovea.server.intake.imaging import Photo

GEOMETRY = Geometry(1, 1, 1, 1, ((1, 0, 0), (0, 1, 0)))
SPEC = ModelSpec(
    "m", "M", "", (), "classification", "local",
    Preprocessing(1, (1, 1), "bilinear", (0.0,), (1.0,), 1),
)  # fmt: skip


def photo(digest: str = "") -> Photo:
    return Photo(np.zeros((1, 1, 3), np.uint8), digest, "PNG", ())


def analysis(name: str, trace_bytes: int = 97, seen: Photo | None = None) -> Analysis:
    seen = seen or photo()
    return Analysis(
        name, "", SPEC, "", seen, GEOMETRY, Trace(()), trace_bytes, (), (), {}
    )  # fmt: skip


def test_the_least_recently_used_makes_room() -> None:
    store = Store(200)
    for name in "ab":
        store.put(analysis(name))
    store.get("a")
    store.put(analysis("c"))
    assert store.find("a")
    assert store.find("c")
    assert (len(store), store.nbytes, store.evictions) == (2, 200, 1)
    with pytest.raises(problems.AnalysisGone):
        store.get("b")
    with pytest.raises(problems.UnknownAnalysis):
        store.get("never")


def test_an_evicted_analysis_can_come_back() -> None:
    store = Store(100)
    store.put(analysis("a"))
    store.put(analysis("b"))
    store.put(analysis("a"))
    assert store.get("a").id == "a"


def test_the_newest_is_kept_even_if_it_is_too_large() -> None:
    store = Store(10)
    store.put(analysis("a", 1_000))
    assert store.get("a").id == "a"


def test_a_photo_seen_by_two_networks_counts_once() -> None:
    store = Store(1_000)
    shared = photo("same")
    store.put(analysis("a", 0, shared))
    store.put(analysis("b", 0, shared))
    assert store.nbytes == 3
    assert store.photo("same") is shared
    assert store.photo("other") is None


def test_what_is_forgotten_is_unknown_again() -> None:
    store = Store(1_000)
    store.put(analysis("a"))
    store.forget("a")
    with pytest.raises(problems.UnknownAnalysis):
        store.get("a")
    with pytest.raises(problems.UnknownAnalysis):
        store.forget("a")
