"""Interactive figures of an analysis, as the JSON that plotly.js draws.

Neutral colours and transparent backgrounds fit both the light and the dark page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import torch

from fovea.models.kinds.attention.windows import is_placed
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.maps import statistics
from fovea.models.records import Site
from fovea.server.answers import views
from fovea.server.answers.named_array import Array, NamedArray
from fovea.server.engine.analysis import Analysis
from fovea.server.problems import InvalidParameter, MapNotPossible, TooLargeForJson, UnknownFigure

GREY = "#808890"
FAINT = "rgba(128,136,144,0.25)"
ACCENT = "#21918c"  # the middle of viridis


def parse_figure(name: str) -> str:
    """The figure's name if it exists, else raises."""
    if name not in FIGURES:
        valid = list(FIGURES)
        raise UnknownFigure(
            f"There is no figure {name[:50]!r}; valid: {', '.join(valid)}.", valid=valid
        )
    return name


@dataclass(frozen=True, slots=True)
class FigureRequest:
    """A figure request. site: one of the analysis', by default the last that fits; heads: which
    heads; importance: (layer, head), for figures about it.
    """

    analysis: Analysis
    site: str | None = None
    heads: str = "mean"
    importance: NamedArray | None = None


def figure(asked: FigureRequest, name: str, budget_bytes: int) -> bytes:
    """The figure as JSON: {data, layout}."""
    drawn = FIGURES[parse_figure(name)](asked).to_plotly_json()
    # The library fills an empty template with defaults that these figures do not use.
    layout = {key: value for key, value in drawn["layout"].items() if key != "template"}
    encoded = orjson.dumps(
        {"data": drawn["data"], "layout": layout}, option=orjson.OPT_SERIALIZE_NUMPY
    )
    if len(encoded) > budget_bytes:
        raise TooLargeForJson(
            f"This figure would be larger than {budget_bytes:,} bytes.",
            limit=budget_bytes,
            actual=len(encoded),
        )
    return encoded


def _figure(traces: list[Any], title: str, x: str, y: str, **layout: Any) -> Any:
    from plotly import graph_objects  # takes half a second, needed by the first figure only

    axis = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": FAINT, "automargin": True}
    return graph_objects.Figure(
        data=traces,
        layout={
            "template": {},
            "title": {"text": title, "font": {"size": 14}},
            "font": {"color": GREY, "family": "system-ui, sans-serif"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 48, "r": 16, "t": 40, "b": 40},
            "xaxis": {**axis, "title": {"text": x}},
            "yaxis": {**axis, "title": {"text": y}, **layout.pop("yaxis", {})},
            **layout,
        },
    )


def _gate(asked: FigureRequest) -> Any:
    array = views.gate(_chosen(asked, "gate"))
    if array.axes == ("channel",):
        bars = {
            "type": "bar",
            "y": array.values,
            "marker": {"color": ACCENT},
            "hovertemplate": "channel %{x}: %{y:.4f}<extra></extra>",
        }
        return _figure([bars], array.sentence, "channel", "weight", bargap=0)
    return _heatmap(array, "column", "row")


def _attention_matrix(asked: FigureRequest) -> Any:
    if asked.heads.strip().lower() == "all":
        raise InvalidParameter("head=all: a matrix is drawn for one head, mean, max or min.")
    chosen = _chosen(asked, "attention")
    array = views.attention(asked.analysis, chosen, "all", "from", asked.heads, None)
    return _heatmap(array, "key", "query")


def _heatmap(array: NamedArray, x: str, y: str) -> Any:
    cells = {
        "type": "heatmap",
        "z": array.values,
        "colorscale": "Viridis",
        "colorbar": {"thickness": 12, "outlinewidth": 0},
        "hovertemplate": f"{y} %{{y}}, {x} %{{x}}: %{{z:.4g}}<extra></extra>",
    }
    square = {"autorange": "reversed", "scaleanchor": "x", "constrain": "domain"}
    return _figure([cells], array.sentence, x, y, yaxis=square)


def _attention_distance(asked: FigureRequest) -> Any:
    def distance(chosen: Site) -> Array:
        _, geometry = asked.analysis.view
        assert chosen.layout is not None
        input_px = geometry.input_height, geometry.input_width
        return views.as_array(
            statistics.attention_distance(chosen.attention, chosen.layout, input_px)
        )

    return _by_layer(
        asked.analysis,
        lambda s: s.layout is not None and is_placed(s.layout),
        distance,
        "Mean attention distance of each head",
        "distance in pixels of the network's input",
    )


def _entropy(asked: FigureRequest) -> Any:
    def share(chosen: Site) -> Array:
        return views.as_array(statistics.entropy_share(chosen.attention).nanmean(-1))

    return _by_layer(
        asked.analysis,
        lambda s: True,
        share,
        "Entropy of each head's attention, mean over queries",
        "share of the largest possible (1 = looks at all it may)",
        yaxis={"range": [0, 1.02]},
    )


def _by_layer(
    analysis: Analysis,
    wanted: Callable[[Site], bool],
    number: Callable[[Site], Array],
    title: str,
    unit: str,
    **layout: Any,
) -> Any:
    """One point for each head over the layers. number: (head,) of a site."""
    sites = [s for s in analysis.trace.sites if s.attends and wanted(s)]
    if not sites:
        raise MapNotPossible(f"{analysis.model.id} has no attention that this can be said of.")
    with torch.inference_mode():
        points = [(s.layer, head, float(v)) for s in sites for head, v in enumerate(number(s))]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [layer for layer, _, _ in points],
        "y": [value for _, _, value in points],
        "customdata": [head for _, head, _ in points],
        "marker": {"color": ACCENT, "size": 8, "opacity": 0.75},
        "hovertemplate": "layer %{x}, head %{customdata}: %{y:.3f}<extra></extra>",
    }
    return _figure([dots], title, "layer", unit, **layout)


def _head_importance(asked: FigureRequest) -> Any:
    assert asked.importance is not None
    return _heatmap(asked.importance, "head", "layer")


def _chosen(asked: FigureRequest, view: str) -> Site:
    """The requested site, or the last one that has this view."""
    analysis = asked.analysis
    if asked.site is not None:
        return analysis.trace.site(asked.site)
    fitting = [s for s in analysis.trace.sites if view in SITE_KINDS[s.kind].views]
    if not fitting:
        names = [kind.name for kind in SITE_KINDS.values() if view in kind.views]
        raise MapNotPossible(f"{analysis.model.id} has no site of the kind {' or '.join(names)}.")
    return fitting[-1]


FIGURES: dict[str, Callable[[FigureRequest], Any]] = {
    "gate": _gate,
    "attention-matrix": _attention_matrix,
    "attention-distance": _attention_distance,
    "entropy": _entropy,
    "head-importance": _head_importance,
}
