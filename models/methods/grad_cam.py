"""Grad-CAM of convolutional networks (Selvaraju et al. 2017), by the grad-cam library.

    α_c = mean over places of ∂y/∂F_c,  map = (Σ_c α_c·F_c)⁺

with F the last feature map that has rows and columns. The library's own picture is stretched to
0…1 and to the photo's size; what is returned here is its map before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch
from torch import Tensor, nn

from fovea.models.capture.module_calls import graph_from, last_picture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.maps.propagation import NotPossible
from fovea.models.records import Map


def _library() -> ModuleType:
    """The library, which takes seconds to import and brings OpenCV and scikit-learn along."""
    declare_missing_operators()  # It imports torchvision.
    try:
        import pytorch_grad_cam
    except (ImportError, OSError) as error:
        raise NotPossible(
            f"Grad-CAM comes from the grad-cam library, which does not load here ({error}); "
            "pip install grad-cam supplies it"
        ) from error
    return pytorch_grad_cam  # type: ignore[no-any-return]


@contextmanager
def _parameters_at_rest(module: nn.Module) -> Iterator[None]:
    """The library differentiates all it can; the gradient is wanted of the feature map alone."""
    learning = [p for p in module.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def grad_cam(module: nn.Module, photo: Tensor, target: int) -> Map:
    """The map of one class on the last feature map: values (row, column), not negative.

    module: in eval mode, with an output (batch, class). photo: (1, channel, height, width).
    Raises NotPossible for what is no convolutional classifier, or without the library.
    """
    layer, output = last_picture(module, photo)
    if layer is None:
        raise NotPossible(
            "Grad-CAM needs the feature maps of a convolutional network; "
            "for a transformer there is attention-grad-cam"
        )
    if not isinstance(output, Tensor) or output.ndim != 2 or target >= output.shape[1]:
        raise NotPossible("Grad-CAM needs a network that gives one number a class")
    library = _library()
    wanted = [library.utils.model_targets.ClassifierOutputTarget(target)]
    given = photo.detach()
    with _parameters_at_rest(module), graph_from(layer), torch.enable_grad():
        cam = library.GradCAM(model=module, target_layers=[layer])
        try:
            cam(given, wanted)
            (features,), (gradients,) = (
                [tensor.float().numpy() for tensor in held]
                for held in (
                    cam.activations_and_grads.activations,
                    cam.activations_and_grads.gradients,
                )
            )
            values = cam.get_cam_image(given, layer, wanted, features, gradients)
        finally:
            cam.activations_and_grads.release()
    return Map(
        values=torch.from_numpy(values[0]).clamp(min=0),
        axes=("row", "column"),
        prefix=None,
        sentence="Grad-CAM on the last feature map",
    )
