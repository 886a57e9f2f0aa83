"""Steps of networks from elsewhere: nothing is known of their classes."""

import pytest
import torch

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.kinds.attention.steps import attention_steps
from fovea.models.kinds.gate.steps import gate_steps
from fovea.models.running.inference import run, run_for_workings

PHOTO = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "activation", "end"),
    [
        ("mobilenetv3_small_050", "relu", "hard sigmoid"),
        ("efficientnet_lite0", None, None),
        ("test_efficientnet", "silu", "sigmoid"),
        ("skresnet18", "relu", "softmax"),
    ],
)
def test_what_was_made_last_is_the_gate(name: str, activation: str | None, end: str | None) -> None:
    declare_missing_operators()
    import timm

    network = timm.create_model(name, pretrained=False).eval()
    _, (trace,) = run(network, PHOTO)
    assert bool(trace.sites) == (end is not None)
    for index, site in enumerate(trace.sites):
        workings = run_for_workings(network, PHOTO, index, site)
        assert workings is not None
        *made, scaled = gate_steps(site, workings)
        names = [step.name for step in made]
        assert (names[0], names[-1]) == ("mean", end)
        assert activation in names
        assert made[-1].values is not None
        torch.testing.assert_close(made[-1].values.flatten(), site.gate.values.flatten())
        assert scaled.name == "scale"


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "pvt_v2_b0", "levit_128s"])
def test_scores_lead_to_the_shares(name: str) -> None:
    """Networks that multiply query and key themselves: from the product to what weighs."""
    declare_missing_operators()
    import timm

    torch.manual_seed(7)
    network = timm.create_model(name, pretrained=False).eval()
    for path, parameter in network.named_parameters():
        if "bias" in path and parameter.ndim == 2:  # of relative positions, which begin as zeros
            torch.nn.init.normal_(parameter)
    photo = torch.randn(1, *network.default_cfg["input_size"])
    _, (trace,) = run(network, photo)
    for index, site in list(enumerate(trace.sites))[:3]:
        workings = run_for_workings(network, photo, index, site)
        assert workings is not None
        window, query = site.attention.shape[0] - 1, site.attention.shape[2] // 2
        steps = attention_steps(site, workings, window, query, 0)
        names = [step.name for step in steps]
        at = names.index("softmax")
        assert names[:3] == ["query", "key", "scores"]
        assert ("biased" in names) == (name != "pvt_v2_b0")
        before, after = steps[at - 1].values, steps[at].values
        assert before is not None
        assert after is not None
        torch.testing.assert_close(before.softmax(0), after, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["test_vit", "mobilevit_xxs", "levit_128s"])
def test_a_heads_output_lies_among_its_values(name: str) -> None:
    """A mixture whose shares sum to 1 is no longer than the longest of what was mixed."""
    declare_missing_operators()
    import timm

    network = timm.create_model(name, pretrained=False).eval()
    photo = torch.randn(1, *network.default_cfg["input_size"])
    _, (trace,) = run(network, photo)
    for index, site in enumerate(trace.sites[:2]):
        if site.kind != "attention":
            continue
        workings = run_for_workings(network, photo, index, site)
        assert workings is not None
        steps = {step.name: step.values for step in attention_steps(site, workings, 0, 0, 0)}
        assert steps["softmax"] is not None
        assert steps["softmax"].sum().item() == pytest.approx(1, abs=1e-5)
        assert steps["output"] is not None
        assert steps["weighted values"] is not None
        assert steps["output"].norm() <= steps["weighted values"].sum() + 1e-5
        assert steps["heads"] is not None
        torch.testing.assert_close(steps["heads"][0], steps["output"])
