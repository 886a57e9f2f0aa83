"""Draws the figures of docs/claims.md and writes its tables, from docs/claims/*.json.

    python -m docs.claim_figures

Plotly draws; a Chromium on this machine (through kaleido) makes the files of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from docs.claim_tables import RESULTS, result_of, shown, spoken, write_measured, write_tables
from docs.part_tables import write_part_tables

IMAGES = Path(__file__).parent / "images" / "claims"
INK, FAINT, DOT = "#334155", "#cbd5e1", "#0072b2"
"""Colours that are told apart by people who see few (Okabe and Ito), on white and on dark alike."""


@dataclass(frozen=True)
class Bars:
    """One figure: a score of every variant, mean and spread, and each seed as a dot.

    error: written as an error, 100 · (1 - score), rather than as a score.
    """

    name: str
    claim: str
    score: str
    title: str
    unit: str = ""
    error: bool = False
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lines:
    """One figure: figures whose names hold a number, such as a layer's, against that number.

    series: a pattern of names with one number in it, and the line's name; where a claim has
    variants a name begins with one of them.
    """

    name: str
    claim: str
    series: tuple[tuple[str, str], ...]
    title: str
    across: str
    unit: str


FIGURES: tuple[Bars | Lines, ...] = (
    Bars("gates", "gates", "val_top1", "Error on CIFAR-10", "%", error=True),
    Bars("positions", "positions", "val_top1", "Error on CIFAR-10", "%", error=True),
    Bars("tnt", "tnt", "val_top1", "Error on CIFAR-10", "%", error=True),
    Bars("scores", "scores", "val_exact_match", "Sentences with an error", "%", error=True),
    Bars("rooms", "rooms", "val_dice", "Dice of the walls of unseen rooms"),
    Bars("rooms-large", "rooms_large", "val_dice", "Dice of the walls, trained to the end"),
    Bars(
        "spatial-transformers",
        "spatial_transformers",
        "val_top1",
        "Error on distorted digits",
        "%",
        error=True,
    ),
    Lines(
        "reach",
        "shipped_reach",
        (
            (r"vit_layer_(\d+)_farthest_head_px", "vit, farthest head"),
            (r"vit_layer_(\d+)_mean_head_px", "vit, mean over heads"),
            (r"vit_layer_(\d+)_nearest_head_px", "vit, nearest head"),
            (r"resnet_block_(\d+)_gradient_px", "eca_resnet, by gradient"),
        ),
        "How far a layer looks",
        "layer or block",
        "px of 112",
    ),
    Lines(
        "reach-seeds",
        "receptive_field",
        (
            (r"vit_layer_(\d+)_farthest_head_px", "ViT, farthest head"),
            (r"vit_layer_(\d+)_mean_head_px", "ViT, mean over heads"),
            (r"vit_layer_(\d+)_nearest_head_px", "ViT, nearest head"),
            (r"resnet_layer_(\d+)_gradient_px", "ResNet, by gradient"),
        ),
        "How far a layer looks, on CIFAR-10",
        "layer or block",
        "px of 32",
    ),
    Lines(
        "reach-vit-ti",
        "shipped_reach",
        (
            (r"vit_ti_layer_(\d+)_farthest_head_px", "farthest head"),
            (r"vit_ti_layer_(\d+)_mean_head_px", "mean over heads"),
            (r"vit_ti_layer_(\d+)_nearest_head_px", "nearest head"),
        ),
        "How far a layer of ViT-Ti/16 looks",
        "layer",
        "px of 224",
    ),
)

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999")
MARKS = ("circle", "square", "diamond", "x", "cross", "triangle-up", "star", "hexagon", "bowtie",
         "triangle-down")  # fmt: skip


def flat_figures(claim: str) -> Mapping[str, float]:
    """The figures of a network that ships, or the means over the seeds of a claim's variants."""
    result = result_of(claim)
    if "variants" not in result:
        return result
    return {
        f"{variant}_{name}": score["mean"]
        for variant, told in result["variants"].items()
        for name, score in told["scores"].items()
    }


def layout(title: str) -> dict[str, Any]:
    """What all figures share: no colour that only a white page could carry."""
    axis = {"gridcolor": FAINT, "zeroline": False, "automargin": True}
    return {
        "title": {"text": title, "x": 0.01, "font": {"size": 15}},
        "font": {"family": "DejaVu Sans, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 10, "r": 20, "t": 44, "b": 40},
        "xaxis": axis,
        "yaxis": axis,
    }


def draw_bars(figure: Bars) -> go.Figure:
    """Horizontal, so that names need no turning of the head; dots are the seeds."""
    variants = result_of(figure.claim)["variants"]
    names = [name for name in figure.variants or variants if name in variants]
    scores = [variants[name]["scores"][figure.score] for name in names]
    labels = [spoken(name) for name in names]
    factor = 100 if figure.error else 1
    drawn = go.Figure(
        go.Scatter(
            x=[shown(score["mean"], figure.error) for score in scores],
            y=labels,
            error_x={"array": [factor * (score["deviation"] or 0) for score in scores],
                     "color": INK, "thickness": 1.5},
            mode="markers",
            marker={"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": INK}},
            name="mean ± deviation",
        )
    )  # fmt: skip
    drawn.add_scatter(
        x=[shown(value, figure.error) for score in scores for value in score["values"]],
        y=[label for label, score in zip(labels, scores, strict=True) for _ in score["values"]],
        mode="markers",
        marker={"size": 8, "color": DOT, "opacity": 0.7},
        name="one seed",
    )
    drawn.update_layout(layout(figure.title), height=110 + 34 * len(names), width=680)
    drawn.update_layout(legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02,
                                "yanchor": "bottom"})  # fmt: skip
    drawn.update_xaxes(title={"text": figure.unit})
    drawn.update_yaxes(autorange="reversed")
    return drawn


def draw_lines(figure: Lines) -> go.Figure:
    """One line a series, each with its own colour and mark."""
    drawn = go.Figure()
    figures = flat_figures(figure.claim)
    for number, (pattern, label) in enumerate(figure.series):
        points = sorted(
            (int(found[1]), value)
            for name, value in figures.items()
            if (found := re.fullmatch(pattern, name))
        )
        across, values = zip(*points, strict=True)
        drawn.add_scatter(
            x=across,
            y=values,
            mode="lines+markers",
            marker={"symbol": MARKS[number], "size": 8},
            line={"color": COLOURS[number]},
            name=label,
        )
    drawn.update_layout(layout(figure.title), height=360, width=680)
    drawn.update_xaxes(title={"text": figure.across}, dtick=1)
    drawn.update_yaxes(title={"text": figure.unit}, rangemode="tozero")
    return drawn


def draw_positions() -> go.Figure:
    """How alike nine positions of the shipped ViT are to all: a small map each, where it stands."""
    positions = result_of("shipped_features")["positions"]
    shown = positions["shown"]
    drawn = make_subplots(
        rows=len(shown),
        cols=len(shown),
        horizontal_spacing=0.02,
        vertical_spacing=0.07,
        subplot_titles=[f"row {row}, column {column}" for row in shown for column in shown],
    )
    for number, values in enumerate(positions["maps"]):
        heat = go.Heatmap(z=values, coloraxis="coloraxis")
        drawn.add_trace(heat, row=number // len(shown) + 1, col=number % len(shown) + 1)
    drawn.update_layout(layout("Cosine similarity of learned positions"), height=620, width=620)
    drawn.update_layout(coloraxis={"colorscale": "Cividis", "colorbar": {"thickness": 12}})
    drawn.update_annotations(font={"size": 11})
    drawn.update_xaxes(showticklabels=False)
    drawn.update_yaxes(showticklabels=False, autorange="reversed", scaleanchor="x")
    return drawn


def draw_planes() -> go.Figure:
    """The features of ten classes by t-SNE, a panel a network; every class has its own mark."""
    features = result_of("shipped_features")
    networks = features["networks"]
    drawn = make_subplots(rows=1, cols=len(networks), subplot_titles=list(networks))
    for column, network in enumerate(networks.values(), start=1):
        for label, name in enumerate(features["classes"]):
            points = [
                point
                for point, own in zip(network["points"], features["labels"], strict=True)
                if own == label
            ]
            drawn.add_scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                mode="markers",
                marker={
                    "symbol": MARKS[label],
                    "size": 6,
                    "color": COLOURS[label % len(COLOURS)],
                },
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    drawn.update_layout(layout("Features of ten classes, by t-SNE"), height=400, width=820)
    drawn.update_xaxes(showticklabels=False, showgrid=False)
    drawn.update_yaxes(showticklabels=False, showgrid=False)
    return drawn


def main() -> None:
    """Draw all figures whose results there are, and write the page's tables."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        if not (RESULTS / f"{figure.claim}.json").is_file():
            print(f"{figure.name}: no results yet")
            continue
        drawn = draw_bars(figure) if isinstance(figure, Bars) else draw_lines(figure)
        drawn.write_image(IMAGES / f"{figure.name}.svg")
        print(f"{figure.name}.svg")
    if (RESULTS / "shipped_features.json").is_file():
        draw_positions().write_image(IMAGES / "position-similarity.svg")
        draw_planes().write_image(IMAGES / "features.svg")
        print("position-similarity.svg, features.svg")
    write_tables()
    write_part_tables()
    write_measured()


if __name__ == "__main__":
    main()
