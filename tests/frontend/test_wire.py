"""The page's types of what the server sends are those of the server as it is."""

from tests.frontend.wire import MARK, TYPES, fingerprint, schemas


def test_the_types_of_the_wire_are_current() -> None:
    first = TYPES.read_text("utf-8").splitlines()[0]
    assert first == f"{MARK}{fingerprint()}", "the schemas have changed: run `make wire`"


def test_every_schema_has_its_type() -> None:
    types = TYPES.read_text("utf-8")
    names = schemas()["components"]["schemas"]
    assert {"Analysis", "SiteSummary", "ModelCard"} <= set(names)
    assert all(f"        {name}: " in types for name in names)
