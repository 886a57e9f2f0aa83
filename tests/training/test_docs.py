"""docs/training.md says of each checkpoint what its card says."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CARDS = sorted((ROOT / "models" / "checkpoints").glob("*.json"))
ROW = re.compile(r"^\| `(\w+)` \| ([\d,]+) \| (\d+) \| [^|]* \| ([^|]*) \|", re.M)
ROWS = {row[1]: row for row in ROW.finditer((ROOT / "docs" / "training.md").read_text("utf-8"))}


def test_every_checkpoint_has_a_row_and_every_row_a_checkpoint() -> None:
    assert sorted(ROWS) == [card.stem for card in CARDS]


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_row_is_what_the_card_says(card: Path) -> None:
    said = json.loads(card.read_text("utf-8"))
    _, parameters, epochs, score = ROWS[card.stem].groups()
    assert int(parameters.replace(",", "")) == said["parameters"]
    assert said["recipe"].startswith(f"{epochs} epochs")
    first = next(iter(said["metrics"].values()))
    number = re.search(r"(?<![-\w])(\d[\d.]*)( %)?", score)
    assert number
    decimals = len(number[1].partition(".")[2])
    measured = 100 * first if number[2] else first
    # Half a unit of the last place, whichever way a half was rounded.
    assert float(number[1]) == pytest.approx(measured, abs=0.5001 * 10**-decimals)


APART = re.compile(r"^\| `(\w+)` \| ([\d.]+) % \|$", re.M)


def test_the_scores_measured_apart_are_those_of_the_cards() -> None:
    told = dict(APART.findall((ROOT / "docs" / "training.md").read_text("utf-8")))
    cards = [json.loads(path.read_text("utf-8")) for path in CARDS]
    apart = {card["id"]: card["measured_apart"] for card in cards if "measured_apart" in card}
    photos = {card["id"] for card in cards if card["data"].startswith("Caltech-101")}
    assert apart
    assert set(told) == set(apart) <= photos
    for model, measured in apart.items():
        assert f"{100 * measured['top1']:.1f}" == told[model]
        assert measured.keys() == {"top1", "photos", "by"}


def test_the_page_tells_the_errors_that_were_measured() -> None:
    page = (ROOT / "frontend" / "kinds" / "positions" / "explanation.js").read_text("utf-8")
    variants = json.loads((ROOT / "docs/claims/positions.json").read_text("utf-8"))["variants"]
    for name in ("none", "learned_1d"):
        error = 100 * (1 - variants[name]["scores"]["val_top1"]["mean"])
        told = [float(number) for number in re.findall(r"([\d.]+) %", page)]
        assert any(number == pytest.approx(error, abs=0.0501) for number in told), name
