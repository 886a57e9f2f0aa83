"""docs/evidence.md from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fovea.models.evidence.measured import verdict

HEAD = Path(__file__).with_name("head.md")
"""What docs/evidence.md says before its tables."""

COLUMNS = ("deletion ↓", "insertion ↑", "both ↑", "ROAD ↑", "share", "highest", "than the middle")


def page(told: Mapping[str, Any]) -> str:
    """Markdown, a table a network."""
    protocol = told["protocol"]
    shares = [share for share in protocol["shares"] if 0 < share < 1]
    text = HEAD.read_text(encoding="utf-8").format(
        shares=_percents(shares),
        road=_percents(protocol["road_shares"]),
    )
    networks = told["networks"].items()
    return "\n".join([text, *(line for name, one in networks for line in _network(name, one))])


def _percents(shares: list[float]) -> str:
    said = [f"{100 * share:.0f}" for share in shares]
    return f"{', '.join(said[:-1])} and {said[-1]} %"


def _network(name: str, found: Mapping[str, Any]) -> list[str]:
    with_road = max(((one["road"] or {}).get("n", 0) for one in found["maps"].values()), default=0)
    return [
        f"## `{name.split('.')[0]}`",
        "",
        f"{found['photos']} photos, ROAD of {with_road}, {found['mosaics']} mosaics; "
        f"{found['minutes']:.1f} min of one core.",
        "",
        f"| map | {' | '.join(COLUMNS)} |",
        f"|---|{'---|' * len(COLUMNS)}",
        *(_row(f"`{one}`", told, _verdict(told)) for one, told in found["maps"].items()),
        *(_row(f"*{NAMES[one]}*", told, "") for one, told in found["baselines"].items()),
        "",
    ]


NAMES = {"centre": "a blob in the middle", "edges": "the photo's edges", "random": "at random"}


def _verdict(told: Mapping[str, Any]) -> str:
    gain = told["gain"]
    return "" if gain is None else verdict(gain["mean"], gain["error"])


def _row(name: str, told: Mapping[str, Any], said: str) -> str:
    cells = [
        _said(told.get(what))
        for what in ("deletion", "insertion", "both", "road", "share", "highest")
    ]
    return f"| {name} | {' | '.join([*cells, said])} |"


def _said(figure: Mapping[str, float] | None) -> str:
    return "" if figure is None else f"{figure['mean']:.3f} ± {figure['error']:.3f}"
