"""The claims on small photos: every variant builds and learns, and the measures measure."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fovea.models.networks import build
from training.claims import gates, positions, receptive_field, tnt
from training.examples.data import Examples
from training.loop.export import trained_network
from training.loop.loop import copy_of, parameter_groups
from training.tasks.cifar import CifarTask

CPU = torch.device("cpu")
VARIANTS = [
    (module.CLAIM.id, name)
    for module in (gates, positions, receptive_field, tnt)
    for name in module.CLAIM.variants
    # The plain ViT and ResNet serve several claims; once is enough.
    if (module, name) not in {(positions, "learned_1d"), (tnt, "vit")}
]
CLAIMS = {module.CLAIM.id: module.CLAIM for module in (gates, positions, receptive_field, tnt)}


def task_of(recipe: object) -> CifarTask:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (16, 3, 32, 32), generator=generator, dtype=torch.uint8)
    photos = Examples(images, torch.arange(16) % 10, tuple("abcdefghij"))
    return CifarTask(photos, photos, recipe, CPU)


@pytest.mark.parametrize(("claim", "variant"), VARIANTS)
def test_every_variant_builds_and_a_step_lowers_its_loss(
    claim: str, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "TIMED_BATCH", 2)
    monkeypatch.setattr(receptive_field, "PHOTOS", 2)
    recipe = replace(CLAIMS[claim].variants[variant], batch=4, low_precision=False)
    torch.manual_seed(0)
    network = build(recipe.network, **recipe.arguments)
    task = task_of(recipe)
    batch, nothing = next(task.batches(0)), nn.Identity()
    groups = [group for group in parameter_groups(network, nothing, recipe) if group["params"]]
    optimiser = torch.optim.AdamW(groups, lr=1e-3)
    losses = []
    for _ in range(3):
        loss = task.loss(network, nothing, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert all(p.grad is not None for p in network.parameters()), "a parameter that does nothing"
    assert losses[-1] < losses[0]
    trained = trained_network(recipe, copy_of(network.state_dict()))
    figures = CLAIMS[claim].measure(trained, task, CPU)
    assert all(isinstance(value, float) for value in figures.values())


def test_variants_differ_in_nothing_but_the_claim() -> None:
    for claim, varied in (("gates", "gate"), ("positions", "positions")):
        recipes = list(CLAIMS[claim].variants.values())
        rest = [{k: v for k, v in r.arguments.items() if k != varied} for r in recipes]
        assert all(arguments == rest[0] for arguments in rest)
        assert len({replace(r, arguments=()) for r in map(frozen, recipes)}) == 1
    vit, small = CLAIMS["tnt"].variants["vit"], CLAIMS["tnt"].variants["tnt"]
    assert replace(small, id=vit.id, title=vit.title, network="vit", arguments=vit.arguments) == vit
    costs = [gates.multiply_adds(build(r.network, **r.arguments), CPU) for r in (vit, small)]
    assert costs[0] == pytest.approx(83.56, abs=0.01)
    assert costs[1] == pytest.approx(costs[0], rel=0.01)


def frozen(recipe: object) -> object:
    """The recipe without its tables, which have no hash."""
    assert recipe.training_arguments == recipe.task_arguments == {}
    return replace(recipe, training_arguments=(), task_arguments=())


@pytest.mark.parametrize("gate", gates.CLAIM.variants)
def test_gates_are_counted(gate: str) -> None:
    channels = [32] * 3 + [64] * 3 + [128] * 3
    mlp = sum(2 * c * (c // 16) + c // 16 + c for c in channels)
    cbam = mlp + 9 * (2 * 49 + 2)  # and the 7x7 convolution with its norm
    expected = {"none": 0, "se": mlp, "eca": 9 * 3 + 3 * 2}.get(gate, cbam)
    assert gates.gate_parameters(build("cifar_resnet", gate=gate)) == expected


def test_similarity_is_told_apart_by_row_and_column() -> None:
    rows, columns = torch.eye(3), torch.eye(4)
    encoding = torch.cat(
        [rows[:, None].expand(3, 4, 3), 2 * columns[None].expand(3, 4, 4)], dim=2
    ).flatten(0, 1)
    found = positions.similarity_by_place(encoding, (3, 4))
    assert found == {
        "similarity_same_row": pytest.approx(1 / 5),
        "similarity_same_column": pytest.approx(4 / 5),
        "similarity_elsewhere": pytest.approx(0),
    }


def test_a_theoretical_window_is_what_a_gradient_can_reach() -> None:
    torch.manual_seed(0)
    network = build("cifar_resnet").double().eval()
    x = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    for features, width in zip(
        network.feature_maps(x), receptive_field.theoretical_widths(), strict=True
    ):
        middle = features.shape[2] // 2
        (gradient,) = torch.autograd.grad(
            features[0, :, middle, middle].sum(), x, retain_graph=True
        )
        touched = gradient.abs().sum(dim=(0, 1)).nonzero()
        assert (touched.amax(dim=0) - touched.amin(dim=0) + 1).tolist() == [width, width]


class Blur(nn.Module):
    """One block that averages 3 x 3 pixels."""

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [nn.functional.avg_pool2d(x, 3, 1, 1)]


def test_the_distance_of_a_gradient_is_that_of_the_pixels_it_weighs() -> None:
    (distance,) = receptive_field.gradient_distances(Blur(), torch.rand(2, 3, 9, 9))
    assert distance == pytest.approx((4 * 1 + 4 * 2**0.5) / 9, rel=1e-5)


def test_heads_that_look_everywhere_alike_have_the_uniform_distance() -> None:
    network = build("vit", classes=10, image_size=32, patch_size=4, dim=16, heads=2, depth=2).eval()
    for block in network.blocks:
        nn.init.zeros_(block.attention.query.weight)
    inputs = torch.rand(2, 3, 32, 32)
    expected = (
        receptive_field.uniform_distance(network, inputs) * 64 / 65
    )  # but for the class token
    distances = list(receptive_field.attention_distances(network, inputs))
    assert len(distances) == 2
    for heads in distances:
        torch.testing.assert_close(heads, torch.full((2,), expected), rtol=1e-4, atol=0)


def test_purity_is_the_share_of_neighbours_of_the_same_class() -> None:
    angles = torch.tensor([0.0, 0.1, 0.2, 3.0, 3.1, 3.2])
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    pure, mixed = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 0, 1, 1, 1, 0])
    assert tnt.neighbour_purity(features, pure, neighbours=2) == 1
    assert tnt.neighbour_purity(features, mixed, neighbours=2) == pytest.approx(1 / 3)


def test_a_plane_keeps_apart_what_is_apart() -> None:
    torch.manual_seed(0)
    features = torch.randn(60, 5)
    features[30:] += 20
    plane = tnt.flat_map(features)
    assert plane.shape == (60, 2)
    centres = plane[:30].mean(0), plane[30:].mean(0)
    spread = (plane[:30] - centres[0]).norm(dim=1).mean()
    assert (centres[0] - centres[1]).norm() > 2 * spread
