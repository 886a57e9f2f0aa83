"""An analysis over a socket: made, found again, forgotten; and its photo."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from fovea.server.wire import schemas
from tests.real_weights import IMAGENET_VIT
from tests.server.asking import at
from tests.server.conftest import SE, VIT, Running


def test_a_form_and_a_raw_body_are_the_same(site: Running, picture: Callable[[int], bytes]) -> None:
    data = picture(1)
    form = site.client.post(
        "/v1/analyses",
        files={"image": ("../../x\0" + "y" * 5000, data, "image/jpeg")},
        data={"model": VIT},
    )
    raw = site.client.post(
        "/v1/analyses", params={"model": VIT}, content=data, headers={"Content-Type": "image/jpeg"}
    )
    assert form.status_code == raw.status_code == 201
    assert form.headers["Location"] == f"/v1/analyses/{form.json()['id']}"
    assert form.json() == raw.json() == site.client.get(form.headers["Location"]).json()
    assert "forward;dur=" in form.headers["Server-Timing"]


def test_the_default_model_is_used(site: Running, picture: Callable[[int], bytes]) -> None:
    response = site.client.post("/v1/analyses", files={"image": picture(0)})
    assert response.json()["model"] == VIT
    rows = site.client.get("/v1/models").json()
    assert [row["id"] for row in rows if row["default"]] == [VIT]
    assert site.client.get(f"/v1/models/{VIT}").json()["default"]


def test_a_file_of_weights_does_not_change_the_default(
    serve: Callable[..., Running], picture: Callable[[int], bytes]
) -> None:
    plain = serve(default_model=None)
    rows = plain.client.get("/v1/models").json()
    assert VIT in {row["id"] for row in rows}
    assert [row["id"] for row in rows if row["default"]] == ["vit"]
    answer = plain.client.post("/v1/analyses", files={"image": picture(0)}).json()
    assert answer["model"] == "vit"


def test_an_analysis_says_where_everything_is(analysis: dict[str, Any]) -> None:
    seen = schemas.Analysis.model_validate(analysis)
    assert (seen.image.width, seen.image.height) == (200, 120)
    assert [site.id for site in seen.sites] == [f"s0{i}" for i in range(6)]
    first = seen.sites[0]
    assert (first.kind, first.heads, first.keys, first.prefix_tokens) == ("attention", 2, 101, 1)
    assert first.grid == schemas.Grid(rows=10, columns=10)
    assert first.projections
    left, top, right, bottom = seen.geometry.crop
    assert (top, bottom) == pytest.approx((120 - (bottom - top)) / 2 + np.array([0, bottom - top]))
    assert right - left == pytest.approx(bottom - top, rel=0.02)
    assert len(seen.predictions) == 5
    assert set(seen.timings_ms) == {"decode", "preprocess", "queue", "forward"}


def test_the_same_photo_is_not_computed_again(
    site: Running, picture: Callable[[int], bytes]
) -> None:
    def passes() -> float:
        text = site.client.get("/metrics").text
        line = next(x for x in text.splitlines() if x.startswith("fovea_forward_seconds_count"))
        return float(line.split()[1])

    first = site.analyse(picture(2))
    before = passes()
    assert site.analyse(picture(2)) == first
    assert passes() == before
    assert site.analyse(picture(2), SE)["id"] != first["id"]


def test_an_analysis_can_be_forgotten(site: Running, picture: Callable[[int], bytes]) -> None:
    path = at(site.analyse(picture(3)))
    assert site.client.delete(path).status_code == 204
    response = site.client.get(path)
    assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-analysis")


def test_the_photo_comes_back_upright_and_without_notes(site: Running) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # GPS
    exif[0x010E] = "a private remark"
    buffer = io.BytesIO()
    Image.new("RGB", (90, 60), (9, 99, 199)).save(buffer, "JPEG", exif=exif, comment=b"private")
    path = at(site.analyse(buffer.getvalue()), "/image")
    for media in ("image/png", "image/jpeg"):
        response = site.client.get(path, headers={"Accept": media})
        assert response.headers["Content-Type"] == media
        with Image.open(io.BytesIO(response.content)) as image:
            assert image.size == (60, 90)
            assert not image.getexif()
        assert b"private" not in response.content
    lossless = site.client.get(path)
    assert lossless.headers["Content-Type"] == "image/png"


@pytest.mark.real
def test_chelsea_is_an_egyptian_cat(site: Running) -> None:
    photo = Path(skimage.__file__).parent / "data" / "chelsea.png"
    seen = site.analyse(photo.read_bytes(), IMAGENET_VIT)
    assert seen["predictions"][0]["label"] == "Egyptian cat"
    assert seen["predictions"][0]["score"] > 0.7
