"""Edits as JSON, and the document that shows them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.edits import (
    EDITS,
    RefusedEdit,
    block,
    drop,
    from_json,
    given_words,
    hide,
    identity,
    mean,
    off,
    open_gate,
    positions_off,
    positions_shuffle,
    set_gate,
    shut,
    skip,
    temperature,
    theta,
    to_json,
    to_self,
    uniform,
)

declare_missing_operators()
import timm  # noqa: E402


def test_every_edit_comes_back_from_its_json() -> None:
    changes = [
        off("s00", heads=[0, 2]),
        mean("s00", heads=[1]),
        uniform("s00", heads=[3]),
        to_self("s00", heads=[0, 1]),
        temperature("s00", 3.0),
        block("s00", queries=["cls"], keys=[[2, 1], 3]),
        block("s00", keys=[4], queries=list(range(9)), heads=[1]),
        set_gate("s02", 0.0, channels=[4]),
        theta("s00", [[1, 0, 0.25], [0, 1, 0]]),
        hide("s05", [[2, 3]], fill="mean"),
        drop("s01", ["cls", [0, 1]]),
        skip("s01"),
        identity("s00"),
        shut("s00"),
        open_gate("s00"),
        positions_off(),
        positions_shuffle(7),
        given_words("a dog runs"),
    ]
    assert {one.edit for one in changes} == set(EDITS)
    for one in changes:
        assert from_json(to_json(one)) == one
    assert from_json({"edit": "shuffle", "on": "positions", "seed": 7}) == positions_shuffle(7)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"edit": "of", "site": "s00"}, "Did you mean 'off'"),
        ({"edit": "off"}, "needs site"),
        ({"edit": "block", "site": "s00"}, "needs keys"),
        ({"edit": "off", "site": "s00", "head": [0]}, "does not take head"),
        ({"edit": "off", "site": "s00", "heads": [-1]}, "whole numbers from 0"),
        ({"edit": "off", "site": "s00", "heads": []}, "at least one"),
        ({"edit": "set", "site": "s00", "value": float("nan")}, "finite"),
        ({"edit": "temperature", "site": "s00", "temperature": 0}, "above 0"),
        ({"edit": "theta", "site": "s00", "theta": [[1, 0], [0, 1]]}, "two rows of three"),
        ({"edit": "block", "site": "s00", "keys": ["class"]}, "a list of tokens"),
        ({"edit": "hide", "site": "s00", "cells": [[1]]}, "row, column"),
        ({}, "no edit 'None'"),
    ],
)
def test_what_is_no_edit_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RefusedEdit, match=said.replace("[", r"\[")):
        from_json(given)


def test_every_edit_has_its_row_in_the_document() -> None:
    page = (Path(__file__).parents[3] / "docs" / "what-if.md").read_text("utf-8")
    shown = [from_json(json.loads(one)) for one in re.findall(r"`(\{\"edit\".*?\})`", page)]
    assert {one.edit for one in shown} == set(EDITS)


def test_the_documents_python_runs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "what-if.md").read_text("utf-8")
    (block_of_code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    torch.manual_seed(0)
    network = timm.create_model("deit_tiny_patch16_224").eval()
    with torch.no_grad():
        exec(block_of_code, {"model": network, "photo": torch.randn(1, 3, 224, 224)})
