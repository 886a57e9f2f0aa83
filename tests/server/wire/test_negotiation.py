"""Accept headers and entity tags."""

import pytest

from fovea.server.problems import NotAcceptable
from fovea.server.wire.negotiation import JSON, NPY, PNG, choose, entity_tag, matches

OFFERED = (JSON, PNG, NPY)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("image/png", PNG),
        ("IMAGE/PNG", PNG),
        ("image/*", PNG),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", PNG),
        ("application/json;q=0.4, application/x-npy;q=0.5", NPY),
        ("application/json;q=0, */*;q=0.1", PNG),
        ("application/json; charset=utf-8; q=0.9, image/png;q=0.8", JSON),
        ("application/*;q=0.3, application/x-npy", NPY),
        ("nonsense, image/png", PNG),
        ("image/png;q=high, application/x-npy;q=0.1", NPY),
    ],
)
def test_the_preferred_representation(accept: str | None, expected: str) -> None:
    assert choose(accept, OFFERED) == expected


@pytest.mark.parametrize(
    "accept", ["text/csv", "*/*;q=0", "application/json;q=0", "image/png;q=nan"]
)
def test_nothing_acceptable_lists_what_there_is(accept: str) -> None:
    with pytest.raises(NotAcceptable) as raised:
        choose(accept, OFFERED)
    assert raised.value.extra["acceptable"] == list(OFFERED)


def test_tags_differ_by_every_part() -> None:
    assert entity_tag("a", "b") == entity_tag("a", "b")
    assert len({entity_tag("a", "b"), entity_tag("ab"), entity_tag("a", "c")}) == 3


def test_tags_match_in_lists_and_weakly() -> None:
    tag = entity_tag("a")
    assert matches(tag, tag)
    assert matches(f'"other", W/{tag}', tag)
    assert matches("*", tag)
    assert not matches(None, tag)
    assert not matches('"other"', tag)
