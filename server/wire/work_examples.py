"""Examples of jobs, batches, sweeps and evidence for the documentation: real answers, shortened."""

from __future__ import annotations

from typing import Any

MODEL = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"

JOB: dict[str, Any] = {
    "id": "9c1e5b70a4d2",
    "kind": "download",
    "model": MODEL,
    "state": "running",
    "queue_position": None,
    "received_bytes": 9437184,
    "total_bytes": 22883656,
    "bytes_per_s": 4718592.0,
    "seconds_left": 2.85,
    "problem": None,
    "links": {
        "self": "/v1/jobs/9c1e5b70a4d2",
        "events": "/v1/jobs/9c1e5b70a4d2/events",
        "model": f"/v1/models/{MODEL}",
    },
}

BATCH: dict[str, Any] = {
    "id": "5d0c77a1be92",
    "model": MODEL,
    "state": "done",
    "photos": [
        {
            "name": "cat.jpg",
            "analysis": "3f0c51a2b7d94e60c1ab",
            "href": "/v1/analyses/3f0c51a2b7d94e60c1ab",
            "problem": None,
        },
        {
            "name": "notes.txt",
            "analysis": None,
            "href": None,
            "problem": {
                "type": "/problems/unsupported-format",
                "title": "Not a photo format that is accepted here",
                "status": 415,
                "detail": "The file is no photo.",
                "instance": "/v1/batches/5d0c77a1be92",
                "request_id": "5d0c77a1be92",
            },
        },
    ],
}

BATCH_JOB: dict[str, Any] = {
    "id": BATCH["id"],
    "kind": "batch",
    "model": MODEL,
    "state": "running",
    "queue_position": None,
    "done": 5,
    "total": 12,
    "result": None,
    "analysis": None,
    "received_bytes": 0,
    "total_bytes": None,
    "bytes_per_s": None,
    "seconds_left": 1.4,
    "problem": None,
    "links": {
        "self": "/v1/jobs/5d0c77a1be92",
        "events": "/v1/jobs/5d0c77a1be92/events",
        "model": f"/v1/models/{MODEL}",
        "analysis": None,
        "result": None,
    },
}

STREAM = {
    "site": "s03",
    "sentence": "What each layer adds to the 3 tokens of site s03",
    "tokens": 3,
    "prefix_tokens": 1,
    "additions": [
        {
            "kind": "attention",
            "module": "blocks.0",
            "site": "s00",
            "dim": 192,
            "before": [8.12, 9.4, 9.02],
            "added": [1.31, 3.2, 2.87],
            "after": [8.41, 10.1, 9.77],
            "kept": [0.988, 0.951, 0.96],
        }
    ],
    "non_finite": 0,
}

EDITS = [
    {"edit": "off", "site": "s05", "heads": [0]},
    {"edit": "block", "site": "s10", "queries": ["cls"], "keys": [[5, 9]]},
]

SWEEP_JOB: dict[str, Any] = {
    **JOB,
    "kind": "sweep",
    "done": 12,
    "total": 37,
    "result": None,
    "analysis": "3f0c51a2b7d94e60c1ab",
    "received_bytes": 0,
    "total_bytes": None,
    "bytes_per_s": None,
    "seconds_left": None,
    "links": {
        **JOB["links"],
        "analysis": "/v1/analyses/3f0c51a2b7d94e60c1ab",
        "result": None,
    },
}

SWEEP: dict[str, Any] = {
    "over": "heads",
    "target": {"index": 285, "label": "Egyptian cat"},
    "whole": {"logit": 11.2, "score": 0.82},
    "sites": [{"id": "s00", "layer": 0, "name": "blocks.0.attn"}],
    "missing": [],
    "sentence": "How far the logit of Egyptian cat falls when a head is off; most by head 1 of "
    "s00, +0.31",
    "axes": ["layer", "head"],
    "shape": [1, 3],
    "values": [[-0.02, 0.31, 0.11]],
    "prefix_values": None,
    "non_finite": 0,
    "probability": [[-0.001, 0.04, 0.01]],
}

EVIDENCE_JOB: dict[str, Any] = {**SWEEP_JOB, "kind": "evidence", "done": 40, "total": 192}

EVIDENCE: dict[str, Any] = {
    "measure": "deletion",
    "map": "rollout",
    "map_sentence": "Where the class token's attention comes from, through all layers",
    "target": {"index": 285, "label": "Egyptian cat"},
    "grid": [14, 14],
    "seed": 0,
    "score": 0.21,
    "better": "lower",
    "fill": "mean",
    "protocol": None,
    "curve": [{"share": 0.0, "probability": 0.82}, {"share": 1.0, "probability": 0.001}],
    "baselines": {"random": {"mean": 0.41, "spread": 0.03, "n": 5}, "centre": 0.35, "edges": 0.38},
    "place": {
        "against_random": 1.5,
        "against_centre": 1.3,
        "against_edges": 1.4,
        "deviations": 6.7,
        "beyond_chance": True,
    },
    "sentence": "Hiding what this map marks lowers the answer 1.5 times as fast as hiding at "
    "random, 1.3 times as fast as hiding from the middle.",
    "sentence_key": "evidence-deletion-both",
    "sentence_english": "Hiding what this map marks lowers the answer {random} times as fast as "
    "hiding at random, {centre} times as fast as hiding from the middle.",
    "sentence_parameters": {"random": "1.5", "centre": "1.3"},
}
