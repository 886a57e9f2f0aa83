"""The sweep over other people's networks: it counts what runs, and outlives what fails."""

import os
import time

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.coverage.__main__ import look_apart
from benchmarks.coverage.counting import SIGMOID, SOFTMAX, count
from benchmarks.coverage.families import Family
from benchmarks.coverage.look import Finding, look
from benchmarks.coverage.page import page


class Mixed(nn.Module):
    """One of each: attention fused and explicit, a gate, an activation, a constant, an output."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.scale = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x)
        x = x * x.mean((2, 3), keepdim=True).sigmoid()  # a gate
        x = x * x.sigmoid()  # SiLU, written out
        x = x * self.scale.sigmoid()  # the same for every photo
        tokens = x.flatten(2).transpose(1, 2)
        tokens = F.scaled_dot_product_attention(tokens, tokens, tokens)
        tokens = (tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens
        return tokens.mean(1).softmax(-1)


def mixed() -> tuple[nn.Module, dict, str]:
    torch.manual_seed(0)
    return Mixed().eval(), {"x": torch.randn(1, 3, 16, 24)}, "mixed"


def test_what_runs_is_counted_and_told_apart() -> None:
    module, inputs, _ = mixed()
    uses = count(module, inputs)
    assert [use.what for use in uses] == [SIGMOID] * 3 + [SOFTMAX] * 3
    assert [use.constant for use in uses[:3]] == [False, False, True]
    assert [use.entry_by_entry for use in uses[:3]] == [False, True, False]
    fused, explicit, returned = (use.went_into for use in uses[3:])
    assert fused in ("its values", "bmm")  # by a kernel of its own, or spelled out by torch
    assert (explicit, returned) == ("bmm", "")


def test_a_finding_says_what_is_no_site_and_why() -> None:
    finding = look(Family("own", "mixed", mixed))
    assert finding.sites == {"attention": 2, "channel-gate": 1}
    assert finding.computed == {SIGMOID: 3, SOFTMAX: 3}
    assert (finding.layouts, finding.placed) == ({"global": 2}, 2)
    assert not finding.invented
    assert sorted(finding.missed) == [
        "1 × sigmoid in Mixed: learned, the same for every photo",
        "1 × sigmoid in Mixed: multiplies as many entries (SiLU, GLU)",
        "1 × softmax in Mixed: returned",
    ]


def broken() -> tuple[nn.Module, dict, str]:
    raise ValueError("no such network")


def crashing() -> tuple[nn.Module, dict, str]:
    os._exit(3)


def endless() -> tuple[nn.Module, dict, str]:
    time.sleep(60)
    return mixed()


# Newer Pythons warn of forks beside threads; the sweep itself has none when it forks.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (broken, "ValueError: no such network"),
        (crashing, "its process ended without an answer"),
        (endless, "took longer than 1 s"),
    ],
)
def test_one_family_does_not_end_the_sweep(build, problem: str) -> None:
    finding = look_apart(Family("own", "one", build), limit_s=1)
    assert finding == Finding("own", "one", problem=problem)


def test_the_page_has_a_row_a_family_and_says_what_was_invented() -> None:
    found = Finding("own", "mixed", "mixed", sites={"attention": 1}, layouts={"global": 1})
    found.placed, found.invented = 1, ["1 × attention in Identity"]
    text = page([found, Finding("own", "other", problem="ValueError: no")], "torch 0.")
    rows = [line for line in text.splitlines() if line.startswith(("| mixed", "| other"))]
    assert len(rows) == 2
    assert "**invented**: 1 × attention in Identity" in rows[0]
    assert "ValueError: no" in rows[1]
    assert "1 of 2 networks were looked at" in text
