"""Every printed step of every mechanism of every shipped network follows from the numbers printed
before it, from what its sentence says and from the weights of the module that it names.

Each formula has its own arithmetic here, in float64 and from the formula as it is printed; one
that is not known fails, so that no new step goes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fovea.models.catalog.catalog import Catalog
from fovea.models.catalog.shipped import bundled
from tests.server.asking import at
from tests.server.conftest import Running

SAMPLES = Path(__file__).parents[3] / "frontend/samples"
SENTENCE = "a red hen knows my cow"
SHOWN = r"(?:z|z_avg|z_max)"


class Chain:
    """The steps so far, as somebody with a pocket calculator has them before them."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.symbols: dict[str, np.ndarray[Any, Any]] = {}
        self.names: dict[str, np.ndarray[Any, Any]] = {}

    def module(self, step: dict[str, Any]) -> nn.Module:
        return self.network.get_submodule(step["module"]).double()

    def by_module(self, step: dict[str, Any], given: Any) -> Any:
        """What the named module makes of numbers; places and channels as a convolution has them."""
        module, numbers = self.module(step), torch.tensor(np.asarray(given), dtype=torch.float64)
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d) and numbers.ndim == 1:
            numbers = numbers[:, None, None]
        if isinstance(module, nn.Conv1d):
            numbers = numbers[None]
        if not isinstance(module, nn.Linear):
            numbers = numbers[None]
        with torch.no_grad():
            made = module(numbers)
        return made.squeeze().numpy()

    def expected(self, step: dict[str, Any]) -> Any:
        """The step's numbers recomputed; None where its formula begins from the photo."""
        formula, name = step["formula"], step["name"]
        if formula in ("q = W_Q x", "k = W_K x", "v = W_V x", "s_j = q · k_j", "γ", "θ"):
            return None
        if re.fullmatch(r"(z_c|z_avg|z_max) = (mean|max) x_c|(mean|max)_c x_c\(i, j\)", formula):
            return None  # of the feature map, whose size alone is printed
        if formula in ("f_loc(U)", "(x′, y′)", "V = Σ w U", "x + y"):
            return None
        if made := re.fullmatch(r"(s′*)_j = (s′*)_j / √d", formula):
            return self.symbols[made[2] + "_j"] / np.sqrt(len(self.names["query"]))
        if made := re.fullmatch(r"(s′*)_j = (s′*)_j \+ m_j", formula):
            before = self.symbols[made[2] + "_j"]
            hidden = np.array([value is None or value < -50 for value in step["values"]])
            return np.where(hidden, -np.inf, before)
        if made := re.fullmatch(r"p_j = exp\((s′*_j)\) / Σ exp\((s′*_j)\)", formula):
            assert made[1] == made[2]
            raised = np.exp(self.symbols[made[1]])
            return raised / raised.sum()
        if formula == "y = W_O o + b":
            return self.by_module(step, self.names["heads"].flatten())
        if formula == "Σ w_i z_(c+i), k = " + str(_kernel(formula)):
            return self.by_module(step, self.symbols["z"])
        if made := re.fullmatch(rf"(?:({SHOWN}) ← )?W ({SHOWN}) \+ b", formula):
            return self.by_module(step, self.symbols[made[2]])
        if made := re.fullmatch(rf"(?:({SHOWN}) ← )?max\(0, ({SHOWN})\)", formula):
            return np.maximum(0, self.symbols[made[2]])
        if formula == "z = z_avg + z_max":
            return self.symbols["z_avg"] + self.symbols["z_max"]
        if formula == "f * [avg; max]":
            return self.by_module(step, np.stack([self.names["mean"], self.names["maximum"]]))
        if formula == "(z − μ) / σ":
            norm = next(one for one in self.module(step).modules() if "Norm" in type(one).__name__)
            with torch.no_grad():
                return norm(torch.tensor(self.symbols["z"])[None, None]).squeeze().numpy()
        if formula == "s = σ(z)":
            return 1 / (1 + np.exp(-self.symbols["z"]))
        if formula == "y_c = s_c x_c":  # the mean over places of s x is s times that of x
            return self.names["sigmoid"] * self.names["mean"]
        if formula == "y(i, j) = M(i, j) x(i, j)":
            # Parallel gates: what this one multiplies has the other's factor in it already.
            parallel = any(
                getattr(one, "arrangement", "") == "parallel" for one in self.network.modules()
            )
            return None if parallel else self.names["sigmoid"] * self.names["mean"]
        if formula == "(x, y) = θ (x′, y′, 1)":
            return self.names["theta"] @ [*self.names["output point"], 1]
        if formula in PARTLY:
            return None
        raise AssertionError(f"no arithmetic for {name}: {formula}")

    def note(self, step: dict[str, Any]) -> None:
        values = np.array(step["values"], dtype=float)
        if step["name"] == "masked":
            values = np.nan_to_num(values, nan=-np.inf)
        self.names.setdefault(step["name"], values)
        symbol = re.match(r"([\w′]+) (?:=|←)", step["formula"])
        name = symbol[1] if symbol else "z"
        self.symbols["z" if name in ("z_c", "s") else name] = values


def _kernel(formula: str) -> str:
    return formula.rsplit(" ", 1)[-1]


def _of_one_key(chain: Chain, step: dict[str, Any]) -> None:
    """Of the key whose vectors are printed: the one looked at most."""
    key = int(np.argmax(chain.names["softmax"]))
    length = np.linalg.norm(chain.names["value"])
    assert step["values"][key] == pytest.approx(chain.names["softmax"][key] * length, rel=1e-4)


def _bounded(chain: Chain, step: dict[str, Any]) -> None:
    """A sum is no longer than its terms together."""
    assert np.linalg.norm(step["values"]) <= chain.names["weighted values"].sum() * (1 + 1e-5)


def _has_output(chain: Chain, step: dict[str, Any]) -> None:
    np.testing.assert_allclose(step["values"][0], chain.names["output"], atol=1e-5)


def _bilinear(chain: Chain, step: dict[str, Any]) -> None:
    """The four weights are those of one point between four neighbours."""
    rows, columns, weights = np.array(step["values"]).T
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    y, x = weights @ rows, weights @ columns
    told = np.maximum(0, 1 - abs(x - columns)) * np.maximum(0, 1 - abs(y - rows))
    np.testing.assert_allclose(weights, told, atol=1e-4)


PARTLY: dict[str, Callable[[Chain, dict[str, Any]], None]] = {
    "‖p_j v_j‖": _of_one_key,
    "o = Σ p_j v_j": _bounded,
    "o = [o¹, …, oʰ]": _has_output,
    "w = max(0, 1 − |x − m|) max(0, 1 − |y − n|)": _bilinear,
}
"""By formula: what of a step follows where not all that goes into it is printed."""


@pytest.fixture(scope="module")
def chelsea() -> bytes:
    return (SAMPLES / "chelsea.jpg").read_bytes()


def told(site: Running, model: str, photo: bytes) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The steps of one site of every kind that a network has."""
    if Catalog().spec(model).preprocessing is None:
        answer = site.client.post("/v1/analyses", json={"text": SENTENCE, "model": model}).json()
    else:
        answer = site.analyse(photo, model)
    seen = set()
    for row in answer["sites"]:
        shape = [bool(row.get(part)) for part in ("windows", "query_labels", "key_labels")]
        kind = (row["kind"], row["queries"] == row["keys"], *shape)
        # Strips are recomputed in tests/server/api/test_kinds.py.
        if kind in seen or row["kind"] == "strip-gate":
            continue
        seen.add(kind)
        path = at(answer, f"/sites/{row['id']}/steps")
        yield row["id"], site.client.get(path).json()["steps"]


@pytest.mark.parametrize("model", sorted(bundled()))
def test_each_step_follows_from_those_before(site: Running, model: str, chelsea: bytes) -> None:
    network = Catalog().load(model).module
    checked = 0
    for name, steps in told(site, model, chelsea):
        chain = Chain(network)
        for step in steps:
            expected = chain.expected(step)
            if expected is not None:
                known = np.isfinite(expected)
                values = np.array(step["values"], dtype=float)
                about = f"{model} {name} {step['name']}: {step['formula']}"
                np.testing.assert_allclose(
                    values[known], expected[known], rtol=2e-3, atol=2e-4, err_msg=about
                )
                checked += 1
            if step["formula"] in PARTLY:
                PARTLY[step["formula"]](chain, step)
            chain.note(step)
        if "scores" in chain.names:
            agreement = chain.names["query"] @ chain.names["key"]
            key = int(np.argmax(chain.names["softmax"]))
            assert agreement == pytest.approx(chain.names["scores"][key], rel=1e-3, abs=1e-4)
    assert checked or model == "coord_resnet"


def test_a_step_left_out_is_found() -> None:
    """Without ÷√d the shares do not follow from the scores: what the page printed once."""
    chain = Chain(nn.Identity())
    for symbol, values in (("s_j", [29.1, -4.92, 3.0]), ("p_j", [0.402, 0.2, 0.398])):
        step = {"name": symbol, "formula": f"{symbol} = …", "values": values}
        chain.note(step)
    softmax = {"name": "softmax", "formula": "p_j = exp(s_j) / Σ exp(s_j)"}
    assert not np.allclose(chain.expected(softmax), chain.symbols["p_j"], atol=0.1)
