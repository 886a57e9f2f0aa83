"""docs/lesson.md says where each mechanism stands, and says it truly."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTERS = ROOT / "frontend/learn/chapters"

MECHANISMS = {
    "Attention (Q, K, V)", "Self-attention", "Multi-head self-attention", "Positional encoding",
    "SE", "ECA", "CBAM", "STN", "Self-attention in CNNs", "U-Net with self-attention", "ViT", "TNT",
    "Transformer encoder", "Transformer decoder",
}  # fmt: skip
"""What the lesson has to explain."""


def rows() -> list[list[str]]:
    """The table's cells: mechanism, step, where, tests."""
    page = (ROOT / "docs/lesson.md").read_text("utf-8").partition("## What stands where")[2]
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def steps_of(slug: str) -> set[str]:
    source = (CHAPTERS / slug / "chapter.js").read_text("utf-8")
    return set(re.findall(r'\bid: "([\w-]+)"', source))


def labels_of(slug: str) -> set[str]:
    words = (CHAPTERS / slug / "en.js").read_text("utf-8")
    return set(re.findall(r'^    "?([\w-]+)"?: "', words, re.M))


def test_every_mechanism_has_its_rows() -> None:
    assert {row[0] for row in rows()} == MECHANISMS


def test_every_place_exists_and_every_step_is_named() -> None:
    named: dict[str, set[str]] = {}
    for _, _, where, _ in rows():
        slug, *places = re.findall(r"`([\w-]+)`", where)
        assert places, where
        assert set(places) <= steps_of(slug) | labels_of(slug), (slug, places)
        named.setdefault(slug, set()).update(places)
    chapters = {path.parent.name for path in CHAPTERS.glob("*/chapter.js")}
    assert chapters - set(named) == {"what"}  # what attention is: before any mechanism
    # Beginnings and morals are no step of a mechanism.
    besides = {"blind", "learn"}
    left = {f"{slug}: {step}" for slug in named for step in steps_of(slug) - named[slug] - besides}
    assert not left


def test_every_test_exists() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for row in rows():
        for name in re.findall(r"`(test_\w+)`", row[3]):
            assert f"def {name}(" in sources, name
