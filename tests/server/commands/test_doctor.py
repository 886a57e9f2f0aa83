"""`fovea doctor`: what can be seen in a network, at what cost, and why not the rest."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from fovea.models.networks.gated_resnet import STAGE_CHANNELS
from fovea.server.commands import examination
from tests.server.commands.conftest import SUNFLOWER, told
from tests.server.conftest import SE, WINDOWED


@pytest.mark.usefixtures("here")
def test_a_healthy_network(vit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("doctor", "vit", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    gates = [site for site in report["sites"] if site["kind"] == "channel-gate"]
    assert [gate["name"].partition(".stages.")[2] for gate in gates] == [
        f"{stage}.gate" for stage in ("0.0", "1.0", "1.1", "1.2", "1.3")
    ]
    sites = report["sites"][len(gates) :]
    assert [site["name"] for site in sites] == [f"blocks.{i}.attention" for i in range(6)]
    assert {(s["layout"], *s["grid"], s["prefix_tokens"], s["heads"]) for s in sites} == {
        ("global", 14, 14, 1, 3)
    }
    cost = report["cost"]
    assert cost["ratio"] == pytest.approx(cost["captured_ms"] / cost["forward_ms"])
    # Query and key of six layers, a vector of four-byte numbers for each of 197 tokens; and the
    # gates of the trunk's first stage and of the four blocks of its second, with their maps.
    first, second = STAGE_CHANNELS[:2]
    gated = first * (1 + 28 * 28) + 4 * second * (1 + 14 * 14)
    assert cost["kept_bytes"] == 4 * (6 * 2 * 197 * vit.module.head.in_features + gated)
    assert cost["same_output"]
    maps = {one["name"]: one for one in report["maps"]}
    assert maps["rollout"]["possible"]
    assert maps["relevance"]["possible"]
    assert maps["spatial-gate"] == {
        "name": "spatial-gate",
        "possible": False,
        "reason": "vit: it has no spatial gate.",
    }


@pytest.mark.usefixtures("here")
def test_a_report_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("doctor", SE) == 0
    printed = capsys.readouterr().out
    assert re.search(r"Sites: \d+ × channel-gate", printed)
    assert re.search(r"Cost: [\d.]+ ms without capture, [\d.]+ ms with it \([\d.]+ times", printed)
    assert "rollout             no: " in printed


@pytest.mark.usefixtures("here")
def test_weights_that_are_not_here_and_weights_of_chance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "swin_tiny_patch4_window7_224.ms_in1k"
    assert told("doctor", name) == 1
    printed = capsys.readouterr().out
    assert "FOVEA_WEIGHTS_DIR" in printed
    assert "--random-weights" in printed
    small = "test_vit2.r160_in1k"
    assert told("doctor", small, "--random-weights", "--json", "--repeats", "1") == 0
    report = json.loads(capsys.readouterr().out)
    assert {site["layout"] for site in report["sites"]} == {"global"}
    assert "Random weights" in report["notes"][0]


@pytest.mark.usefixtures("here")
def test_an_entry_of_the_model_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without weights yet its architecture can be looked at; a mistake is named with its line."""
    monkeypatch.setenv("FOVEA_MODELS_DIR", str(tmp_path))
    (tmp_path / "mine.toml").write_text(
        'builder = "timm:vit_tiny_patch16_224"\n'
        'weights = "mine.safetensors"\n'
        "[arguments]\ndepth = 2\nimg_size = 96\n"
        "[preprocessing]\nsize = 96\n"
    )
    assert told("doctor", "mine") == 1
    assert "mine.toml: line 2" in capsys.readouterr().out
    assert told("doctor", "mine", "--random-weights", "--json", "--repeats", "1") == 0
    report = json.loads(capsys.readouterr().out)
    assert [site["grid"] for site in report["sites"]] == [[6, 6], [6, 6]]


@pytest.mark.usefixtures("here")
def test_windows_and_what_has_no_places(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("doctor", WINDOWED, "--json", "--repeats", "1") == 0
    attends = [s for s in json.loads(capsys.readouterr().out)["sites"] if s["kind"] == "attention"]
    assert {site["layout"] for site in attends} == {"grid"}
    assert all("windows" in site["note"] for site in attends)
    assert told("doctor", "stn_digits", "--json", "--repeats", "1") == 0
    sites = json.loads(capsys.readouterr().out)["sites"]
    assert [site["kind"] for site in sites] == ["spatial-transformer"] * 2
    assert [site["name"] for site in sites] == [
        "transformer.looks.first",
        "transformer.looks.second",
    ]


@pytest.mark.usefixtures("here")
def test_a_network_that_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told("doctor", "text_transformer", "--json", "--repeats", "1") == 0
    report = json.loads(capsys.readouterr().out)
    assert {site["layout"] for site in report["sites"]} == {"words"}
    possible = {one["name"] for one in report["maps"] if one["possible"]}
    assert possible == {"attention", "relevance", "positions"}
    out = tmp_path / "x.png"
    assert told("explain", SUNFLOWER, "--model", "text_transformer", "-o", out) == 1
    assert "reads a sentence" in capsys.readouterr().err


def test_compiled_parts_and_empty_networks_are_problems() -> None:
    cost = {"forward_ms": 50.0, "captured_ms": 50.0, "ratio": 1.0, "same_output": True}
    compiled = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    compiled[0].compile(backend="eager")
    problems, notes = examination.findings(compiled, [], cost)
    assert [problem.split()[0] for problem in problems] == ["Capture"]
    assert notes == [
        "0 is compiled. It runs eagerly while it is watched, which may round differently in the "
        "last bits."
    ]
    unknown = {"id": "s00", "kind": "attention", "layout": "unknown"}
    problems, notes = examination.findings(
        torch.nn.ReLU(), [unknown], {**cost, "captured_ms": 100.0, "ratio": 2.0}
    )
    assert problems == []
    assert "places of 1 of 1 attention sites" in notes[0]
    assert "Capture is slow here" in notes[1]


def test_a_classifier_of_transformers_from_a_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fovea.models.catalog.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        id2label={0: "Siamese", 1: "Persian", 2: "other"},
    )
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    (tmp_path / "cats.toml").write_text(
        'builder = "transformers:ViTForImageClassification"\nweights = "model.safetensors"\n'
        'config = "config.json"\n'
        "[preprocessing]\nsize = 32\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
    )
    monkeypatch.setenv("FOVEA_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("FOVEA_OFFLINE", "1")
    assert told("doctor", "cats", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert [(site["kind"], site["grid"], site["heads"]) for site in report["sites"]] == [
        ("attention", [4, 4], 2)
    ] * 2
    assert report["cost"]["same_output"]
    assert {one["name"] for one in report["maps"] if one["possible"]} >= {"rollout", "relevance"}


HIDDEN = """
import torch
from torch import nn

class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 16, 16)

    def forward(self, photos):
        x = self.patches(photos).flatten(2).mT
        return (torch.sigmoid(x @ x.mT) @ x).mean(1)
"""


@pytest.mark.usefixtures("here")
def test_what_attends_unseen_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOVEA_MODELS_DIR", str(tmp_path))
    (tmp_path / "hidden_of_a_test.py").write_text(HIDDEN)
    (tmp_path / "hidden.toml").write_text(
        'builder = "hidden_of_a_test:Hidden"\nweights = "hidden.safetensors"\n'
        "[preprocessing]\nsize = 64\n"
    )
    told("doctor", "hidden", "--random-weights", "--json", "--repeats", "1")
    report = json.loads(capsys.readouterr().out)
    assert report["sites"] == []
    (named,) = report["unseen"]
    line = HIDDEN.splitlines().index(next(one for one in HIDDEN.splitlines() if "sigmoid" in one))
    assert (named["what"], named["operation"], named["line"]) == ("attention", "matmul", line + 1)
    assert named["file"].endswith("hidden_of_a_test.py")
    assert any(one.startswith("Not a site: ") for one in report["problems"])
