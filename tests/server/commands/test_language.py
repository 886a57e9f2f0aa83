"""The commands in Chinese: by option, variable or terminal; what programs read stays as it is."""

import json
import re
from pathlib import Path

import pytest

from fovea.server.commands.cli import COMMANDS
from fovea.server.commands.spoken import NotSpoken, language_of, taken
from tests.server.commands.conftest import SUNFLOWER, told

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_option_stands_anywhere() -> None:
    assert taken(["--lang", "zh", "models"]) == (["models"], "zh")
    assert taken(["models", "x", "--lang=en", "--json"]) == (["models", "x", "--json"], "en")
    assert taken(["explain", "--", "--lang", "zh"]) == (["explain", "--", "--lang", "zh"], None)


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANG": "en_GB.UTF-8", "FOVEA_LANG": "zh"}, "zh"),
        ("en", {"FOVEA_LANG": "zh", "LANG": "zh_CN"}, "en"),
        (None, {"LANG": "de_DE"}, "en"),
    ],
)
def test_what_decides(asked: str | None, environment: dict[str, str], language: str) -> None:
    assert language_of(asked, environment) == language


def test_a_language_that_is_not_spoken_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotSpoken, match="valid: en, zh"):
        language_of("fr", {})
    assert told("models", "--lang", "fr") == 2
    assert "lang=fr is not spoken here; valid: en, zh." in capsys.readouterr().err


def test_help_has_no_english_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert told(command, "--help", "--lang", "zh") == 0
        text = capsys.readouterr().out
        english = re.findall(r"(?m)^(?!.*fovea |.*curl ).*[a-z]{3,} [a-z]{2,} [a-z]{2,}.*$", text)
        assert not english, (command, english)
        assert CHINESE.search(text)


def test_mistakes_are_told_in_chinese(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("explain", SUNFLOWER, "--map", "rolout", "-o", "x.png", "--lang", "zh") == 2
    assert "没有图 'rolout'。你是否想说 rollout？" in capsys.readouterr().err
    assert told("explain", "--lang", "zh") == 2
    assert CHINESE.search(capsys.readouterr().err)
    assert told("models", "zzzz", "--lang", "zh") == 1
    assert "没有网络的名字含 'zzzz'" in capsys.readouterr().err


def test_what_programs_read_is_the_same(
    here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told("models", "--json", "--lang", "zh") == 0
    rows = json.loads(capsys.readouterr().out)
    assert not CHINESE.search(json.dumps(rows, ensure_ascii=False))
