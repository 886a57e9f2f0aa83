"""What the server says in Chinese: every sentence, and nothing but sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.kinds.registry import SITE_KINDS
from fovea.server.language.answers import in_language
from fovea.server.language.translating import HOLE, catalogue, preferred, translated
from tests.language.sentences import ROOT, keys_of, sources

LANGUAGE = ROOT / "server" / "language"
CHINESE = re.compile(r"[\u4e00-\u9fff]")

SAME_IN_BOTH = {
    "SE-ResNet · Caltech-101", "ECA-ResNet · Caltech-101", "CBAM-ResNet · Caltech-101",
    "ViT · Caltech-101", "TNT · Caltech-101", "{}: {}", "fovea {}: {}", "FOVEA_DEVICE: {}",
    "FOVEA_DEFAULT_MODEL: {}", "builder: {}", "fovea {}", "Grad-CAM",
    "LeGrad", "weights: {}", "{}.toml: {}", "The API",
}  # fmt: skip
"""Names and forms without a word of either language."""


def read(name: str) -> dict[str, str]:
    """The rows of a file of the server, and of the files of this name in the folders of kinds."""
    found: dict[str, str] = json.loads((LANGUAGE / name).read_text("utf-8"))
    for path in sorted((ROOT / "models/kinds").glob(f"*/{name}")):
        own = json.loads(path.read_text("utf-8"))
        assert not found.keys() & own.keys(), f"{path} repeats sentences of {name}"
        found |= own
    return found


def said() -> dict[str, str]:
    """Every sentence of the code, and where."""
    return {
        key: f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line, key in keys_of(path.read_text())
    }


def test_every_sentence_of_server_and_commands_has_its_chinese() -> None:
    rows, there = read("zh.json"), said()
    assert len(there) > 1000
    missing = [f"{where}: {key!r}" for key, where in there.items() if key not in rows]
    assert not missing, "server/language/zh.json lacks\n" + "\n".join(missing)
    titles = {f"{kind.title} {{}}" for kind in SITE_KINDS.values()}  # before a site's number
    made = there.keys() | titles
    gone = [key for key in rows if key not in made and not re.search(r"^\S+$|The API", key)]
    assert not gone, "no code says\n" + "\n".join(gone)


def test_every_name_that_ships_has_its_chinese() -> None:
    names = read("zh_names.json")
    needed = set()
    for path in (ROOT / "models/checkpoints").glob("*.json"):
        card = json.loads(path.read_text("utf-8"))
        needed |= {card["title"], card["summary"], card["licence"]}
        if card["task"] not in ("captioning", "sequence"):
            needed |= {label for label in card["labels"] if not label.isdigit()}
    for sample in json.loads((ROOT / "frontend/samples/samples.json").read_text("utf-8")):
        needed.add(sample["title"])
    assert len(needed) > 150
    assert sorted(needed - set(names)) == []


def test_each_class_of_imagenet_has_its_own_chinese() -> None:
    declare_missing_operators()
    from timm.data import ImageNetInfo

    info, names = ImageNetInfo("imagenet-1k"), read("zh_imagenet.json")
    classes = [info.index_to_description(index) for index in range(1000)]
    assert set(names) == set(classes)
    assert len(set(names.values())) == len(names) == 999  # "crane" is a bird and a machine
    told = (
        "Relevance for “tabby, tabby cat”: attention through all 12 layers, weighed by its gradient"
    )
    assert translated(told, "zh").startswith("“虎斑猫”的相关性")


@pytest.mark.parametrize("name", ["zh.json", "zh_names.json", "zh_imagenet.json"])
def test_no_sentence_is_the_same_in_both(name: str) -> None:
    same = [
        key
        for key, chinese in read(name).items()
        if key not in SAME_IN_BOTH and not CHINESE.search(chinese)
    ]
    assert not same, same


def test_a_translation_has_the_holes_of_its_sentence() -> None:
    for key, chinese in read("zh.json").items():
        holes = {int(n) for n in re.findall(r"(?<!\{)\{(\d+)\}", chinese)}
        assert holes == set(range(key.count(HOLE))), key


def test_every_sentence_is_found_again_when_it_is_filled_in() -> None:
    """Of two templates that fit, the right one is taken."""
    chinese = catalogue("zh")
    for key, translation in read("zh.json").items():
        filled = [f"{7 + n}7" for n in range(key.count(HOLE))]
        text = key
        for one in filled:
            text = text.replace(HOLE, one, 1)
        assert chinese.translated(text) == translation.format(*filled), key


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "There is no map 'rolout'; valid: rollout, attention. Did you mean rollout?",
            "没有图 'rolout'；可用：rollout, attention。你是否想说 rollout？",
        ),
        (
            "Relevance for “sunflower”: attention through all 6 layers, weighed by its gradient",
            "“向日葵”的相关性：经过全部 6 层的注意力，以其梯度加权",
        ),
        (
            "Layer 2, mean over heads: what looks at the patch at row 1, column 2",
            "第 2 层，各头均值：谁在看第 1 行第 2 列的图块",
        ),
        (
            "Attention within 4 windows. Its factors are between 0 and 2.",
            "4 个窗口内的注意力。其系数在 0 与 2 之间。",
        ),
        ("target='rose' is no class of vit; valid: ant, sunflower.", None),
        ("A sentence that nobody makes.", "A sentence that nobody makes."),
    ],
)  # fmt: skip
def test_what_is_filled_in_is_said_too_unless_it_is_typed(
    english: str, chinese: str | None
) -> None:
    found = translated(english, "zh")
    if chinese is None:
        assert "ant, sunflower" in found
        assert CHINESE.search(found)
    else:
        assert found == chinese


def test_only_sentences_of_an_answer_are_translated() -> None:
    answer = {
        "id": "sunflower", "name": "head importance", "claim": "attention map",
        "predictions": [{"label": "sunflower", "score": 0.5}],
        "warnings": ["The text says a b c more than once.", 3],
        "values": [[0.25, None], [1.0, 2.0]], "query_labels": ["ant"],
        "layout": {"title": {"text": "Mean attention distance of each head"}, "text": "ant"},
    }  # fmt: skip
    said = in_language(answer, "zh")
    assert said["predictions"] == [{"label": "向日葵", "score": 0.5}]
    assert said["warnings"] == ["文字把 a b c 说了不止一次。", 3]
    assert said["layout"] == {"title": {"text": "每个头的平均注意力距离"}, "text": "ant"}
    for name in ("id", "name", "claim", "values", "query_labels"):
        assert said[name] == answer[name]
    words = {"task": "captioning", "labels": ["<start>", "ant"]}
    assert in_language(words, "zh") == words


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"), ("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("fr,zh-Hans;q=0.5,en;q=0.4", "zh"),
        ("en;q=0.3, ZH-TW;q=0.4", "zh"), ("fr", "en"), ("zh;q=0", "en"), ("zh;q=x,en", "en"),
        ("*", "en"),
    ],
)  # fmt: skip
def test_the_language_that_is_liked_best(header: str | None, language: str) -> None:
    assert preferred(header) == language


def test_the_catalogues_are_in_the_package() -> None:
    listed = (ROOT / "pyproject.toml").read_text()
    assert '"fovea.server" = ["py.typed", "**/*.json"' in listed
    assert Path(LANGUAGE / "zh.json").is_file()


def test_what_a_figure_says_under_the_pointer_is_translated() -> None:
    figure = {
        "data": [{"hovertemplate": "layer %{x}, head %{customdata}: %{y:.3f}<extra></extra>"}],
        "layout": {"xaxis": {"title": {"text": "layer"}}, "yaxis": {"title": {"text": "head"}}},
    }
    said = in_language(figure, "zh")
    assert said["data"][0]["hovertemplate"] == "层 %{x}, 头 %{customdata}: %{y:.3f}<extra></extra>"
    assert [said["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")] == ["层", "头"]
