"""The tree of problems."""

from pathlib import Path

from fovea.server import problems


def test_slugs_are_unique_and_every_problem_is_complete() -> None:
    kinds = list(problems.leaves())
    assert len({kind.slug for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert kind.title, kind
        assert 400 <= kind.status < 600
        assert kind.__name__ in str(problems.__doc__), f"{kind.__name__} is not in the drawn tree"


def test_every_problem_is_raised_somewhere() -> None:
    home = Path(problems.__file__).parent
    paths = [path for path in home.parent.rglob("*.py") if home not in path.parents]
    code = "\n".join(path.read_text() for path in paths)
    for kind in problems.leaves():
        assert f"{kind.__name__}(" in code, f"{kind.__name__} is never raised"


def test_members_that_are_absent_are_left_out() -> None:
    body = problems.NotFound("Nothing.", hint="").body("/x", "id")
    assert body == {
        "type": "/problems/not-found",
        "title": problems.NotFound.title,
        "status": 404,
        "detail": "Nothing.",
        "instance": "/x",
        "request_id": "id",
        "hint": "",
    }
    full = problems.TooLarge("Big.", limit=1, actual=2.5, valid=["small"]).body("/x", "id")
    assert (full["limit"], full["actual"], full["valid"]) == (1, 2.5, ["small"])


def test_what_passes_is_retried_after_a_while() -> None:
    assert problems.QueueFull("Full.").headers == {"Retry-After": "1"}
    assert problems.NotFound("Nothing.").headers == {}
