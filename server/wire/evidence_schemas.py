"""The JSON of evidence for a map."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fovea.models.judging.measures import Measure
from fovea.server.wire.outputs import Schema


class Target(Schema):
    index: int
    label: str


class Point(Schema):
    """One point of a curve; which of its numbers there are depends on the measure."""

    share: float = Field(description="of the cells changed, or of the layers drawn anew")
    probability: float | None = None
    least: float | None = Field(None, description="road: with what the map marks least hidden")
    rho: float | None = Field(None, description="random-weights: ρ to the trained network's map")
    layer: str | None = Field(None, description="random-weights: what was drawn anew last")


class Random(Schema):
    mean: float | None
    spread: float | None = Field(description="standard deviation")
    n: int


class Baselines(Schema):
    random: Random
    centre: float | None
    edges: float | None


class Curves(Schema):
    random: list[Point] = Field(description="the mean of the random maps' curves")
    centre: list[Point]
    edges: list[Point]


class Place(Schema):
    against_random: float | None = Field(
        description="how many times as fast the map moves the answer; null where that does not"
    )
    against_centre: float | None
    against_edges: float | None
    deviations: float | None = Field(
        description="how far on the good side of random, in standard deviations"
    )
    beyond_chance: bool = Field(description="two of these, or more")


class Evidence(Schema):
    """A map's score, always beside those of maps that know nothing of the network."""

    measure: Measure
    map: str
    map_sentence: str
    target: Target
    grid: list[int] = Field(description="[rows, columns] of the cells")
    seed: int = Field(description="of the order of cells that the map does not tell apart")
    score: float | None
    better: Literal["lower", "higher"]
    fill: str | None = None
    protocol: str | None = None
    curve: list[Point]
    baselines: Baselines
    baseline_curves: Curves | None = None
    place: Place
    truth: dict[str, Any] | None = Field(None, description="truth: hit, mass and iou")
    baseline_truth: dict[str, Any] | None = None
    sentence: str
    sentence_key: str
    sentence_english: str
    sentence_parameters: dict[str, Any]
