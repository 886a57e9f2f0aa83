"""Evidence over a socket: curves by hand, baselines, and what is refused before any pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fovea.models.evidence.cells import of_input
from fovea.models.evidence.ranking import order
from fovea.models.records import PatchGrid
from fovea.server.engine.conclude import to_input
from fovea.server.wire import evidence_schemas, examples, job_schemas
from tests.server.api.test_sweeps import ask
from tests.server.asking import at
from tests.server.conftest import VIT, Running


def measured(server: Running, analysis: dict[str, Any], **body: Any) -> dict[str, Any]:
    job = ask(server, at(analysis, "/evidence"), body)
    assert job["state"] == "done", job
    assert (job["kind"], job["done"]) == ("evidence", job["total"])
    answer = server.client.get(job["result"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    evidence_schemas.Evidence.model_validate(found)
    assert found["sentence"] == found["sentence_english"].format(**found["sentence_parameters"])
    return found


def test_deletion_is_what_a_loop_over_the_ranked_cells_gives(
    site: Running, analysis: dict[str, Any]
) -> None:
    found = measured(site, analysis, map="rollout", measure="deletion", steps=6, fill="grey")
    loaded = site.engine.shelf.loaded(VIT)
    assert loaded is not None
    assert loaded.spec.preprocessing is not None
    inputs, _ = to_input(site.engine.store.get(analysis["id"]).photo, loaded.spec)
    wanted = loaded.spec.preprocessing
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (wanted.mean, wanted.std))
    shown = torch.tensor(site.client.get(at(analysis, "/maps/rollout")).json()["values"])
    cells = of_input(PatchGrid(*shown.shape), *inputs.shape[2:])
    target, ranked = analysis["predictions"][0]["index"], order(shown, found["seed"])
    for point in found["curve"]:
        count = round(point["share"] * shown.numel())
        picture = inputs[0] * std + mean
        picture = torch.where(torch.isin(cells, ranked[:count]), 0.5, picture)
        with torch.no_grad():
            score = loaded.module(((picture - mean) / std)[None]).softmax(-1)[0, target]
        assert point["probability"] == pytest.approx(float(score), abs=1e-6)
    shares = [one["share"] for one in found["curve"]]
    heights = [one["probability"] for one in found["curve"]]
    assert found["score"] == pytest.approx(np.trapezoid(heights, shares), abs=1e-9)
    assert len(shares) <= 6
    assert found["baselines"]["random"]["n"] >= 5
    assert {"random", "centre", "edges"} == found["baseline_curves"].keys()


def test_the_protocol_of_rise_to_the_pixel(site: Running, analysis: dict[str, Any]) -> None:
    """Petsiuk et al. 2018: single pixels in steps of equal size, to zero after normalisation."""
    found = measured(site, analysis, map="rollout", measure="deletion", protocol="rise")
    assert (found["protocol"], found["fill"]) == ("rise", None)
    loaded = site.engine.shelf.loaded(VIT)
    assert loaded is not None
    inputs, _ = to_input(site.engine.store.get(analysis["id"]).photo, loaded.spec)
    height, width = inputs.shape[2:]
    shares = [one["share"] for one in found["curve"]]
    a_step = max(1, round(height * width / 224))
    assert shares == [
        *(count / (height * width) for count in range(0, height * width, a_step)),
        1.0,
    ]
    heights = [one["probability"] for one in found["curve"]]
    whole = analysis["predictions"][0]["score"]
    assert heights[0] == pytest.approx(whole, abs=1e-5)
    target = analysis["predictions"][0]["index"]
    with torch.no_grad():
        nothing = loaded.module(torch.zeros_like(inputs)).softmax(-1)[0, target]
    assert heights[-1] == pytest.approx(float(nothing), abs=1e-5)
    area = (sum(heights) - heights[0] / 2 - heights[-1] / 2) / (len(heights) - 1)
    assert found["score"] == pytest.approx(area, abs=1e-9)


@pytest.mark.parametrize("measure", ["insertion", "random-weights"])
def test_every_measure_has_its_baselines(
    site: Running, analysis: dict[str, Any], measure: str
) -> None:
    body = {"steps": 4} if measure == "insertion" else {}
    found = measured(site, analysis, map="rollout", measure=measure, **body)
    assert found["measure"] == measure
    random, centre = found["baselines"]["random"], found["baselines"]["centre"]
    assert random["spread"] > 0
    assert isinstance(centre, float)
    assert found["curve"]
    if measure == "random-weights":
        assert [one["share"] for one in found["curve"]][-1] == 1
        # The last block first; the class token and the positions last.
        assert (found["curve"][0]["layer"], found["curve"][-1]["layer"]) == ("head", "")
        assert found["score"] == found["curve"][-1]["rho"]


def test_road_has_both_orders(site: Running, picture: Callable[[int], bytes]) -> None:
    small = site.analyse(picture(3), "cbam_resnet")
    found = measured(site, small, map="grad-cam", measure="road")
    gains = [point["least"] - point["probability"] for point in found["curve"]]
    assert len(gains) == 9
    assert found["score"] == pytest.approx(sum(gains) / 18, abs=1e-9)
    assert found["baselines"]["random"]["n"] == 5


def test_a_map_of_gradients_is_measured_for_its_class(
    site: Running, analysis: dict[str, Any]
) -> None:
    other = analysis["predictions"][1]["index"]
    found = measured(
        site, analysis, map="relevance", measure="random-weights", target=other
    )  # by passes with gradients through networks with other weights
    assert found["target"]["index"] == other
    assert "for " in found["map_sentence"]
    assert abs(found["curve"][-1]["rho"]) < 0.9


def test_a_known_truth(site: Running, analysis: dict[str, Any]) -> None:
    width, height = analysis["image"]["width"], analysis["image"]["height"]
    whole = measured(
        site, analysis, map="rollout", measure="truth", mask={"boxes": [[0, 0, width, height]]}
    )
    assert (whole["truth"]["mass"], whole["truth"]["hit"]) == (pytest.approx(1), True)
    left = np.zeros((height, width), int)
    left[:, : width // 2] = 1
    found = measured(site, analysis, map="rollout", measure="truth", mask=left.tolist())
    # The crop is in the middle of the photo, so its left half is half of the cells.
    shown = np.array(site.client.get(at(analysis, "/maps/rollout")).json()["values"])
    assert found["score"] == pytest.approx(shown[:, :5].sum() / shown.sum(), abs=0.02)
    assert found["baselines"]["random"]["mean"] == pytest.approx(0.5, abs=0.1)
    assert found["baselines"]["centre"] == pytest.approx(0.5, abs=0.01)


def test_an_edited_network_is_measured_with_its_edits(
    site: Running, analysis: dict[str, Any]
) -> None:
    edits = {"edits": [{"edit": "off", "site": "s02"}]}
    edited = site.client.post(at(analysis, "/edits"), json=edits).json()
    found = measured(site, edited, map="rollout", measure="deletion", steps=2)
    assert found["curve"][0]["probability"] == pytest.approx(
        edited["predictions"][0]["score"], abs=1e-6
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"map": "rollout", "mesure": "deletion"}, 422, "Did you mean 'measure'"),
        ({"map": "rollout", "measure": "delete"}, 422, "deletion"),
        ({"map": "rolout", "measure": "deletion"}, 404, "Did you mean 'rollout'"),
        ({"map": "grad-cam", "measure": "deletion"}, 409, "transformer"),
        ({"map": "head-importance", "measure": "deletion"}, 409, "over the photo"),
        ({"map": "rollout", "measure": "deletion", "steps": 1}, 422, "two ends"),
        ({"map": "rollout", "measure": "deletion", "fill": "gray"}, 422, "Did you mean 'grey'"),
        ({"map": "rollout", "measure": "deletion", "protocol": "rice"}, 422, "rise"),
        ({"map": "rollout", "measure": "road", "steps": 5}, 422, "'steps'"),
        ({"map": "rollout", "measure": "truth"}, 422, "needs a mask"),
        ({"map": "rollout", "measure": "truth", "mask": [[1, 0]]}, 422, "1 × 2"),
        ({"map": "rollout", "measure": "truth", "mask": [[1], [0, 1]]}, 422, "one length"),
        ({"map": "rollout", "measure": "truth", "mask": {"boxes": []}}, 422, "empty"),
        ({"map": "rollout", "measure": "truth", "mask": {"boxes": [[0, 0, 900, 9]]}}, 422, "box"),
        ({"map": "rollout", "measure": "truth", "mask": {"box": [[0, 0, 9, 9]]}}, 422, "boxes"),
        ({"map": "rollout", "measure": "deletion", "options": {"fusoin": "max"}}, 422, "fusion"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_pass(
    site: Running, analysis: dict[str, Any], body: dict[str, Any], status: int, said: str
) -> None:
    answer = site.client.post(at(analysis, "/evidence"), json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"], answer.text


def test_the_examples_are_what_the_schemas_say() -> None:
    evidence_schemas.Evidence.model_validate(examples.EVIDENCE)
    job_schemas.Job.model_validate(examples.EVIDENCE_JOB)
    job_schemas.Job.model_validate(examples.SWEEP_JOB)


def test_a_network_that_writes_says_so(site: Running, picture: Callable[[int], bytes]) -> None:
    mask = site.analyse(picture(1), "sa_unet")
    body = {"map": "spatial-gate", "measure": "deletion"}
    answer = site.client.post(at(mask, "/evidence"), json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/map-not-possible")
