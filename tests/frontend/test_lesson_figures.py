"""What the lesson tells of this project's trainings is what docs/claims holds."""

from docs.claim_tables import MEASURED, measured


def test_the_lessons_figures_are_those_of_the_claims() -> None:
    """`python -m docs.claim_figures` writes them anew."""
    for name, content in measured().items():
        assert (MEASURED / name).read_bytes() == content + b"\n", name
