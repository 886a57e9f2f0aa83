"""What a spatial transformer reads through: one in the other's window, or side by side."""

import pytest
import torch
from torch import Tensor

from fovea.models.capture import capture
from fovea.models.kinds.warp.chain import read_through
from fovea.models.networks import build
from fovea.models.records import Gate, Sampling, Site, Trace


def sampler(number: int, source: Tensor) -> Site:
    theta, grid = torch.zeros(1, 2, 3), torch.zeros(1, 4, 4, 2)
    sampling = Sampling(theta, grid, source, torch.zeros(1, 1, 4, 4))
    return Site(f"s{number:02d}", "spatial-transformer", number, "", sampling)


def gate(number: int) -> Site:
    return Site(f"s{number:02d}", "channel-gate", 0, "", Gate(torch.ones(1, 4, 1, 1)))


def chains(*sites: Site) -> list[list[str]]:
    trace = Trace(sites)
    return [[one.id for one in read_through(trace, site)] for site in sites]


def test_each_sees_the_window_of_the_one_before() -> None:
    photo, inside = torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 4)
    assert chains(sampler(0, photo), gate(1), sampler(2, inside)) == [[], ["s00"], ["s00"]]


def test_looks_at_one_input_stand_side_by_side() -> None:
    photo, inside = torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 4)
    # A copy, as a trace that was cut out of a batch has.
    looks = (sampler(0, photo), sampler(1, photo.clone()), sampler(2, photo.clone()))
    assert chains(*looks, sampler(3, inside), sampler(4, inside.clone())) == [
        [],
        [],
        [],
        ["s02"],
        ["s02"],
    ]


def test_the_shipped_ways_to_have_two() -> None:
    for network, shape, expected in (
        ("stn", (1, 1, 60, 60), [[], []]),
        ("sign_stn", (1, 3, 32, 32), [[], ["s00"]]),
    ):
        module = build(network).eval()
        with torch.inference_mode(), capture(module) as recording:
            module(torch.rand(shape))
        assert chains(*recording.trace.sites) == expected


def test_a_site_of_another_trace_is_told() -> None:
    with pytest.raises(ValueError, match="no site s07"):
        read_through(Trace(()), gate(7))
