"""A score on photos kept apart is told beside the accuracy; cards tell all of preprocessing."""

import json
from dataclasses import asdict

from fovea.models.catalog.shipped import bundled
from fovea.models.preprocessing import Preprocessing
from fovea.server.wire.schemas import model_card, model_summary, preprocessing_of


def test_the_rows_and_the_card_have_the_score_measured_apart() -> None:
    spec = bundled()["eca_resnet"]
    apart = {"top1": 0.797, "photos": 1564, "by": "measured from outside"}
    row = model_summary(spec, "ready", False).model_dump()
    card = model_card(spec, "ready", False, None, None).model_dump()
    assert row["measured_apart"] == card["measured_apart"] == apart
    assert row["metrics"]["val_top1"] > 0.8
    assert model_summary(bundled()["captioner"], "ready", False).measured_apart is None


def test_a_preprocessing_is_told_whole() -> None:
    wanted = Preprocessing(
        256, (224, 192), "lanczos", (0.5,) * 3, (0.25,) * 3, 3, "crop", "bgr", (240, 200), True
    )
    told = preprocessing_of(wanted)
    assert told is not None
    assert told.model_dump() == json.loads(json.dumps(asdict(wanted)))
