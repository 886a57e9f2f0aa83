"""An example for every operation of the documentation: real answers, shortened."""

from __future__ import annotations

from typing import Any

from fovea.server.wire.work_examples import BATCH as BATCH
from fovea.server.wire.work_examples import BATCH_JOB as BATCH_JOB
from fovea.server.wire.work_examples import EDITS as EDITS
from fovea.server.wire.work_examples import EVIDENCE as EVIDENCE
from fovea.server.wire.work_examples import EVIDENCE_JOB as EVIDENCE_JOB
from fovea.server.wire.work_examples import JOB as JOB
from fovea.server.wire.work_examples import MODEL as MODEL
from fovea.server.wire.work_examples import STREAM as STREAM
from fovea.server.wire.work_examples import SWEEP as SWEEP
from fovea.server.wire.work_examples import SWEEP_JOB as SWEEP_JOB

ANALYSIS: dict[str, Any] = {
    "id": "3f0c51a2b7d94e60c1ab",
    "model": MODEL,
    "image": {"width": 451, "height": 300},
    "geometry": {
        "image_to_input": [[0.8248, 0.0, -74.0], [0.0, 0.8267, -12.0]],
        "input": {"width": 224, "height": 224},
        "crop": [89.7, 14.5, 361.3, 285.5],
    },
    "text": None,
    "predictions": [{"index": 285, "label": "Egyptian cat", "score": 0.82}],
    "output": None,
    "sites": [
        {
            "id": "s00",
            "kind": "attention",
            "title": "Attention",
            "layer": 0,
            "name": "blocks.0.attn",
            "heads": 3,
            "queries": 197,
            "keys": 197,
            "grid": {"rows": 14, "columns": 14},
            "prefix_tokens": 1,
            "query_labels": None,
            "key_labels": None,
            "channels": None,
            "windows": None,
            "query_grid": {"rows": 14, "columns": 14},
            "key_grid": {"rows": 14, "columns": 14},
            "projections": True,
            "note": None,
            "range": None,
            "theta": None,
            "input_grid": None,
            "output_grid": None,
            "align_corners": None,
            "reads_through": None,
            "views": [
                {
                    "name": "attention",
                    "title": "Attention",
                    "claim": "attention map",
                    "href": "/v1/analyses/3f0c51a2b7d94e60c1ab/sites/s00/attention",
                    "options": {"type": "object", "properties": {}, "additionalProperties": False},
                    "reason": None,
                    "reason_key": None,
                    "reason_parameters": None,
                }
            ],
        }
    ],
    "maps": [
        {
            "name": "grad-cam",
            "title": "Grad-CAM",
            "claim": "saliency",
            "href": "/v1/analyses/3f0c51a2b7d94e60c1ab/maps/grad-cam",
            "options": {
                "type": "object",
                "properties": {"target": {"type": ["string", "null"], "default": None}},
                "additionalProperties": False,
            },
            "reason": f"{MODEL}: Grad-CAM needs the feature maps of a convolutional network; for a "
            "transformer there is attention-grad-cam.",
            "reason_key": "not-possible",
            "reason_parameters": {"model": MODEL},
            "sentence": "The last feature maps, each weighed by how much the class's score rises "
            "with it",
            "sentence_key": "grad-cam",
            "sentence_english": "The last feature maps, each weighed by how much the class's score "
            "rises with it",
            "sentence_parameters": {},
            "summary": "The last feature maps, each weighed by how much the class's score rises "
            "with it",
            "equation": "(Σ_c (mean over places of ∂y/∂F_c)·F_c)⁺",
            "paper": "Selvaraju et al. 2017, eq. 1 and 2",
            "for_class": True,
            "on_photo": True,
            "kinds": [],
        }
    ],
    "warnings": [],
    "timings_ms": {"decode": 4.1, "preprocess": 2.2, "queue": 0.1, "forward": 21.7},
    "links": {
        "self": "/v1/analyses/3f0c51a2b7d94e60c1ab",
        "image": "/v1/analyses/3f0c51a2b7d94e60c1ab/image",
        "model": f"/v1/models/{MODEL}",
    },
}

SENTENCE: dict[str, Any] = {"text": "a small house", "model": "text_transformer"}

MASK: dict[str, Any] = {
    "sentence": "The most probable class at every place: wall 62%, other 38%",
    "axes": ["row", "column"],
    "shape": [96, 96],
    "classes": [
        {"index": 0, "label": "other", "share": 0.38, "colour": "#5f6368", "count": 3502},
        {"index": 1, "label": "wall", "share": 0.62, "colour": "#e69f00", "count": 5714},
    ],
}

ATTENTION: dict[str, Any] = {
    "site": "s05",
    "query": "5,9",
    "direction": "from",
    "head": "0",
    "sentence": "Layer 5, head 0: what the patch at row 5, column 9 looks at",
    "axes": ["row", "column"],
    "shape": [2, 2],
    "values": [[0.41, 0.12], [0.3, 0.09]],
    "prefix_values": [0.08],
    "non_finite": 0,
}

GATE: dict[str, Any] = {
    "site": "s02",
    "sentence": "Channel gate 2: the weight of each channel",
    "axes": ["channel"],
    "shape": [4],
    "values": [0.12, 0.93, 0.48, 0.51],
    "prefix_values": None,
    "non_finite": 0,
}

FEATURES: dict[str, Any] = {
    **GATE,
    "channel": 7,
    "sentence": "Channel gate 2: channel 7 before the gate",
    "axes": ["row", "column"],
    "shape": [2, 2],
    "values": [[0.0, 1.3], [0.2, 0.4]],
}

GRID: dict[str, Any] = {
    "site": "s00",
    "theta": [[0.7, -0.1, 0.05], [0.1, 0.7, -0.02]],
    "input": {"rows": 60, "columns": 60},
    "output": {"rows": 28, "columns": 28},
    "align_corners": False,
    "points": None,
    "sentence": "Spatial transformer 0: where each cell of its output is read from",
    "axes": ["row", "column", "xy"],
    "shape": [1, 2, 2],
    "grid": [[[-0.6, -0.8], [0.7, -0.6]]],
    "prefix_values": None,
    "non_finite": 0,
}

STEPS: dict[str, Any] = {
    "site": "s00",
    "kind": "channel-gate",
    "sentence": "Channel gate 0: from the feature map to a factor for every channel",
    "steps": [
        {
            "name": "mean",
            "sentence": "squeeze: the mean of every channel over all places",
            "formula": "z_c = mean x_c",
            "module": "layer1.0.se",
            "axes": ["channel"],
            "shape": [4],
            "values": [0.12, -0.4, 0.91, 0.05],
        },
        {
            "name": "sigmoid",
            "sentence": "a factor between 0 and 1",
            "formula": "s = σ(z)",
            "module": "layer1.0.se.gate",
            "axes": ["channel"],
            "shape": [4],
            "values": [0.71, 0.33, 0.88, 0.52],
        },
    ],
    "non_finite": 0,
}

BLOCK: dict[str, Any] = {
    "site": "s03",
    "kind": "attention",
    "query": 0,
    "sentence": "Layer 3: what its block does to the class token",
    "steps": [
        {
            "name": "token",
            "sentence": "the token before this block",
            "formula": "x",
            "module": None,
            "axes": ["channel"],
            "shape": [4],
            "values": [1.0, -1.0, 3.0, 1.0],
        },
        {
            "name": "mean",
            "sentence": "the mean of its numbers",
            "formula": "μ = Σ x_i / d",
            "module": "blocks.3.norm1",
            "axes": [],
            "shape": [],
            "values": 1.0,
        },
    ],
    "non_finite": 0,
}

ROLLOUT: dict[str, Any] = {
    "method": "rollout",
    "fusion": "mean",
    "discard": 0.0,
    "sentence": "Rollout of the class token through 12 layers, mean over heads",
    "axes": ["row", "column"],
    "shape": [2, 2],
    "values": [[0.004, 0.006], [0.005, 0.003]],
    "prefix_values": [0.11],
    "non_finite": 0,
}

FIGURE: dict[str, Any] = {
    "data": [{"type": "scatter", "mode": "markers", "x": [0, 0, 1], "y": [61.2, 80.9, 55.0]}],
    "layout": {"title": {"text": "Mean attention distance of each head"}},
}

MODEL_SUMMARY: dict[str, Any] = {
    "id": MODEL,
    "title": "vit_tiny_patch16_224 · augreg_in21k_ft_in1k",
    "summary": "timm's vit_tiny_patch16_224 at 224×224 px, 1000 classes.",
    "mechanisms": ["attention"],
    "task": "classification",
    "reads": "photo",
    "input_size": [224, 224],
    "source": "local",
    "status": "ready",
    "classes": 1000,
    "parameters": 5717416,
    "size_bytes": 22883656,
    "metrics": {},
    "measured_apart": None,
    "licence": "apache-2.0",
    "reason": None,
    "default": False,
}

MODEL_CARD: dict[str, Any] = {
    **MODEL_SUMMARY,
    "revision": "d5f16fef4d2b",
    "citation": None,
    "preprocessing": {
        "resize_px": 248,
        "crop_px": [224, 224],
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "channels": 3,
        "fit": "crop",
        "order": "rgb",
        "stretch_px": None,
        "centre_down": False,
    },
    "labels": ["tench, Tinca tinca", "goldfish, Carassius auratus"],
    "progress": None,
    "job": None,
}
