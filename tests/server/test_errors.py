"""The tree of problems."""

from pathlib import Path

from server import errors


def test_slugs_are_unique_and_every_problem_is_complete() -> None:
    kinds = list(errors.leaves())
    assert len({kind.slug for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert kind.title, kind
        assert 400 <= kind.status < 600
        assert kind.__name__ in str(errors.__doc__), f"{kind.__name__} is not in the drawn tree"


def test_every_problem_is_raised_somewhere() -> None:
    sources = [p.read_text() for p in Path(errors.__file__).parent.rglob("*.py")]
    code = "\n".join(source for source in sources if "class Problem(Exception)" not in source)
    for kind in errors.leaves():
        assert f"{kind.__name__}(" in code, f"{kind.__name__} is never raised"


def test_members_that_are_absent_are_left_out() -> None:
    body = errors.NotFound("Nothing.", hint="").body("/x", "id")
    assert body == {
        "type": "/problems/not-found",
        "title": errors.NotFound.title,
        "status": 404,
        "detail": "Nothing.",
        "instance": "/x",
        "request_id": "id",
        "hint": "",
    }
    full = errors.TooLarge("Big.", limit=1, actual=2.5, valid=["small"]).body("/x", "id")
    assert (full["limit"], full["actual"], full["valid"]) == (1, 2.5, ["small"])


def test_what_passes_is_retried_after_a_while() -> None:
    assert errors.QueueFull("Full.").headers == {"Retry-After": "1"}
    assert errors.NotFound("Nothing.").headers == {}
