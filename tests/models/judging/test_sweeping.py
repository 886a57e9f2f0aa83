"""Sweeps from Python against networks whose parts are taken away by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import fovea
from fovea.models.evidence.cells import of_input


@cache
def seen(name: str) -> tuple[fovea.LoadedModel, Tensor, Tensor]:
    """(network, input, logits)."""
    loaded = fovea.load(name)
    inputs, _ = fovea.prepare(fovea.sample("sunflower"), loaded.spec.preprocessing)
    with torch.no_grad():
        return loaded, inputs, loaded.module(inputs)[0]


def test_heads_are_worth_what_is_lost_without_their_columns() -> None:
    loaded, inputs, logits = seen("vit")
    found = fovea.sweep(loaded.module, inputs)
    assert (found.axes, found.values.shape) == (("layer", "head"), (6, 3))
    target = int(logits.argmax())
    assert found.target == target
    assert found.whole == pytest.approx((float(logits[target]), float(logits.softmax(0)[target])))
    layer, head = 2, 1
    joining = loaded.module.get_submodule(f"{found.sites[layer].name}.output")
    kept = joining.weight.detach().clone()
    width = kept.shape[1] // 3
    try:
        joining.weight.data[:, head * width : (head + 1) * width] = 0
        with torch.no_grad():
            without = loaded.module(inputs)[0]
    finally:
        joining.weight.data = kept
    lost = float(logits[target] - without[target])
    assert float(found.values[layer, head]) == pytest.approx(lost, abs=1e-4)


def test_another_class_and_one_site() -> None:
    loaded, inputs, _ = seen("vit")
    whole = fovea.sweep(loaded.module, inputs, target=7)
    one = fovea.sweep(loaded.module, inputs, target=7, site=whole.sites[3].id)
    assert torch.equal(one.values[0], whole.values[3])


def test_layers_are_worth_what_skipping_them_loses() -> None:
    loaded, inputs, logits = seen("vit")
    found = fovea.sweep(loaded.module, inputs, "layers")
    target = int(logits.argmax())
    site = found.sites[4]
    with fovea.edit(loaded.module, fovea.Edit("skip", site.id)) as run, torch.no_grad():
        without = run(inputs)[0]
    assert float(found.values[4]) == pytest.approx(float(logits[target] - without[target]))
    assert not found.missing


def test_channels_are_shut_and_opened() -> None:
    loaded, inputs, logits = seen("se_resnet")
    site = next(one for one in _sites(loaded, inputs) if one.kind == "channel-gate")
    found = fovea.sweep(loaded.module, inputs, "channels", site=site.id)
    assert found.values.shape == (1, site.channels)
    assert found.opened is not None
    target = int(logits.argmax())
    for edit, values in (("shut", found.values), ("open", found.opened[0])):
        one = fovea.Edit(edit, site.id, channels=(5,))
        with fovea.edit(loaded.module, one) as run, torch.no_grad():
            without = run(inputs)[0]
        lost = float(logits[target] - without[target])
        assert float(values[0, 5]) == pytest.approx(lost, abs=1e-5)


def _sites(loaded: fovea.LoadedModel, inputs: Tensor) -> Any:
    with torch.no_grad(), fovea.capture(loaded.module) as trace:
        loaded.module(inputs)
    return trace.sites


def test_patches_are_hidden_in_blocks_and_a_map_stands_beside_them() -> None:
    loaded, inputs, logits = seen("vit")
    shown = torch.rand(14, 14, generator=torch.Generator().manual_seed(0))
    found = fovea.sweep(loaded.module, inputs, "patches", block=7, found=shown)
    assert found.values.shape == (14, 14)
    grid = found.sites[0].grid
    cells = of_input(grid, *inputs.shape[2:])
    corner = (torch.arange(14)[:, None] * 14 + torch.arange(7, 14))[:7].flatten()
    mean = inputs[0].mean((1, 2), keepdim=True)
    with torch.no_grad():
        without = loaded.module(torch.where(torch.isin(cells, corner), mean, inputs[0])[None])[0]
    target = int(logits.argmax())
    lost = float(logits[target] - without[target])
    assert float(found.values[0, 13]) == pytest.approx(lost, abs=1e-4)
    assert found.agreement is not None
    assert abs(found.agreement["rho"]) < 0.4
    assert found.agreement["random"]["n"] == 20


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("vit", {"over": "tokens"}, "valid: heads"),
        ("vit", {"over": "heads", "found": torch.rand(14, 14)}, "takes no map"),
        ("vit", {"over": "patches", "found": torch.rand(3, 3)}, "3 × 3"),
        ("vit", {"over": "patches", "block": 99}, "block=99"),
        ("vit", {"over": "heads", "target": -1}, "no class"),
        ("se_resnet", {"over": "heads"}, "no attention with heads"),
    ],
)
def test_what_there_is_not_is_refused(name: str, said: dict[str, Any], why: str) -> None:
    loaded, inputs, _ = seen(name)
    with pytest.raises(ValueError, match=why):
        fovea.sweep(loaded.module, inputs, **said)
