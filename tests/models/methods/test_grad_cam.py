"""Grad-CAM against its definition in float64 and against the library's own picture."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from fovea.models import networks
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.making.grad_cam import grad_cam


@pytest.fixture(autouse=True)
def _operators() -> None:
    """The library imports torchvision."""
    declare_missing_operators()


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4),
    ).eval()  # fmt: skip


def test_equals_the_definition_and_the_library(network: nn.Module) -> None:
    photo, target = torch.randn(1, 3, 28, 40), 2
    found = grad_cam(network, photo, target)
    exact = deepcopy(network).double()
    features = exact[0](photo.double()).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(exact[1:](features)[0, target], features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].clamp(min=0).detach()
    assert expected.max() > 0
    assert found.axes == ("row", "column")
    assert (found.values.double() - expected).abs().max() <= 1e-4 * expected.max()

    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import scale_cam_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    picture = GradCAM(network, [network[0]])(photo, [ClassifierOutputTarget(target)])
    # The library stretches to 0…1 before and after it scales a map to the photo's size.
    scaled = scale_cam_image(scale_cam_image(found.values[None].numpy(), (40, 28)))
    assert np.allclose(scaled, picture, atol=1e-5)


def test_the_network_is_left_as_it_was(network: nn.Module) -> None:
    network[3].bias.requires_grad_(False)
    before = [p.requires_grad for p in network.parameters()]
    grad_cam(network, torch.randn(1, 3, 28, 40), 0)
    assert [p.requires_grad for p in network.parameters()] == before
    assert all(p.grad is None for p in network.parameters())
    assert not any(part._forward_hooks for part in network.modules())


def test_what_cannot_have_it_is_told_why(network: nn.Module) -> None:
    photo = torch.randn(1, 3, 28, 40)
    with pytest.raises(NotPossible, match="attention-grad-cam"):
        grad_cam(nn.Sequential(nn.Conv2d(3, 4, 7, stride=7), nn.Flatten()).eval(), photo, 0)
    with pytest.raises(NotPossible, match="one number a class"):
        grad_cam(network[0], photo, 0)


@pytest.mark.parametrize("target", [1, 2])
def test_equals_the_library_before_it_stretches(network: nn.Module, target: int) -> None:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    photo = torch.randn(1, 3, 28, 40)
    targets = [ClassifierOutputTarget(target)]
    cam = GradCAM(network, [network[0]])
    cam(photo, targets)
    held = cam.activations_and_grads
    (features,), (gradients,) = (
        [tensor.numpy() for tensor in tensors] for tensors in (held.activations, held.gradients)
    )
    expected = cam.get_cam_image(photo, network[0], targets, features, gradients)[0].clip(0)
    found = grad_cam(network, photo, target).values.numpy()
    assert expected.max() > 0
    assert np.abs(found - expected).max() <= 1e-6 * expected.max()


def test_half_precision_is_close_to_the_whole(network: nn.Module) -> None:
    photo = torch.randn(1, 3, 28, 40)
    whole = grad_cam(network, photo, 2).values
    half = grad_cam(deepcopy(network).bfloat16(), photo.bfloat16(), 2).values
    assert half.dtype == torch.float32
    assert (half - whole).abs().max() <= 0.05 * whole.max()


def test_an_answer_with_logits_is_a_classifiers() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], num_labels=6
    )
    net = transformers.ResNetForImageClassification(config).eval()
    photo = torch.randn(1, 3, 64, 64)
    features = net.resnet(photo).last_hidden_state.detach().requires_grad_()
    scores = net.classifier(net.resnet.pooler(features))
    (gradient,) = torch.autograd.grad(scores[0, 3], features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].clamp(min=0).detach()
    found = grad_cam(net, photo, 3)
    assert (found.values - expected).abs().max() <= 1e-6 * expected.max()


def test_a_class_that_does_not_depend_on_the_features_is_refused(network: nn.Module) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, photo: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.network(photo).detach()
            return answer

    with pytest.raises(NotPossible, match="no gradient"):
        grad_cam(Cut().eval(), torch.randn(1, 3, 28, 40), 0)


def test_the_strips_of_a_gate_are_no_feature_maps() -> None:
    """Coordinate attention convolves a row and a column of means inside the last block."""
    torch.manual_seed(0)
    network = networks.build("gated_resnet", gate="coordinate", classes=5).eval()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d) and not part.weight.any():
            nn.init.ones_(part.weight)  # else the last blocks add nothing
    photo, target = torch.randn(1, 3, 112, 112), 2
    found = grad_cam(network, photo, target).values
    assert found.shape == (7, 7)
    features = network.feature_maps(photo)[-1].detach().requires_grad_()
    score = network.head(features.mean((2, 3)))[0, target]
    (gradient,) = torch.autograd.grad(score, features)
    wanted = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].clamp(min=0)
    assert torch.allclose(found, wanted, atol=1e-6)
