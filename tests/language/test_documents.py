"""The Chinese README is the English one's twin: same commands, same code, same links and names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.language.sentences import ROOT

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def read(name: str) -> str:
    return Path(ROOT / name).read_text("utf-8")


def commands(text: str) -> list[str]:
    """Lines to be typed, without the remarks behind them."""
    return [re.sub(r" *#.*", "", line) for line in re.findall(r"(?m)^    (\S.*)$", text)]


def code(text: str) -> list[str]:
    """Fenced code, without the remarks behind it."""
    return [re.sub(r" *#.*", "", one) for one in re.findall(r"```\w*\n(.*?)```", text, re.S)]


@pytest.mark.parametrize("part", [commands, code])
def test_the_readmes_have_the_same_commands_and_code(part: object) -> None:
    assert callable(part)
    english, chinese = part(read("README.md")), part(read("README.zh.md"))
    assert english
    assert chinese == english


def test_the_readmes_lead_to_the_same_documents() -> None:
    def targets(name: str) -> set[str]:
        return set(re.findall(r"\]\(([^)\s]+)", read(name)))

    assert targets("README.md") - {"README.zh.md"} == targets("README.zh.md") - {"README.md"}


def test_the_readmes_have_the_same_chapters_and_networks() -> None:
    english, chinese = read("README.md"), read("README.zh.md")
    assert len(re.findall(r"(?m)^#", english)) == len(re.findall(r"(?m)^#", chinese))
    tables = [re.findall(r"(?m)^\|.*\| ([^|]*) \|$", text)[1:] for text in (english, chinese)]
    names = [[re.findall(r"`\w+`", cell) for cell in table] for table in tables]
    assert names[0] == names[1]
    assert len(CHINESE.findall(chinese)) > 1000


def test_every_word_of_the_glossary_is_in_both() -> None:
    rows = re.findall(r"(?m)^\| (?!word|English|-)([^|]+) \| ([^|]+) \|", read("docs/glossary.md"))
    assert len(rows) > 45
    assert not [word for word, chinese in rows if not CHINESE.search(chinese)]
