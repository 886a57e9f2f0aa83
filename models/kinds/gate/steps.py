"""A gate's computation: the calls between the feature map and the factor, in execution order.

Squeeze-and-excitation (Hu et al. 2018, equations 2 to 4), ECA (Wang et al. 2020) and CBAM (Woo et
al. 2018, equations 2 and 3) differ in these calls; related gates are described in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from fovea.models.kinds.step import Step, step
from fovea.models.records import Gate, Site
from fovea.models.tracing.operations import Operation, Workings

Words = tuple[str, str, str]
"""name, sentence, formula."""


def gate_steps(site: Site, workings: Workings) -> list[Step]:
    """From the feature map through squeeze and excitation to the factor and the scaled map.

    Tensors as large as the feature map are described by their size only.
    """
    gate = site.gate
    found = [told for operation in workings.before if (told := _told(operation))]
    with torch.inference_mode():
        return [*_by_branch(found), _scaled(gate)]


def _by_branch(steps: list[Step]) -> list[Step]:
    """If mean and maximum both pass through the layers (CBAM), each formula says whose z it has:
    the first calls of the layers belong to the mean, the second to the maximum.
    """
    squeezes = [one.name for one in steps if one.formula.startswith("z_c = ")]
    if squeezes != ["mean", "maximum"]:
        return steps
    symbols = {"mean": "z_avg", "maximum": "z_max"}
    named: list[Step] = []
    called: set[str | None] = set()
    branch = "mean"
    for one in steps:
        formula = one.formula
        if one.name in symbols:
            formula = formula.replace("z_c", symbols[one.name])
        elif one.name == "sum":
            formula = "z = z_avg + z_max"
            branch = ""
        elif branch:
            if one.name == "fully connected" and one.module in called:
                branch = "maximum"
                called.clear()
            called.add(one.module)
            formula = f"{symbols[branch]} ← {formula.replace('z', symbols[branch])}"
        named.append(replace(one, formula=formula))
    return named


def told_of(operation: Operation) -> Words | None:
    """The description of a call; None for a view."""
    describe = OPERATIONS.get(operation.name)
    return None if describe is None else describe(operation)


def _told(operation: Operation) -> Step | None:
    words = told_of(operation)
    if words is None:
        return None
    name, sentence, formula = words
    values, axes = _arranged(operation)
    shape = operation.shape if values is None else tuple(values.shape)
    return Step(name, sentence, formula, values, axes, shape, operation.module)


def _arranged(operation: Operation) -> tuple[Tensor | None, tuple[str, ...]]:
    """A call's result without axes of size 1; None if it still has channels and positions."""
    made = operation.made
    shape = operation.shape
    places = len(shape) == 4 and shape[2] * shape[3] > 1
    if made is None or made.shape[0] != 1 or (places and shape[1] > 2):
        return None, ("channel", "row", "column") if len(shape) == 4 else ()
    made = made[0].float()
    if places:
        return (made[0], ("row", "column")) if shape[1] == 1 else (made, ("map", "row", "column"))
    return made.flatten(), ("channel",)


def _over_channels(operation: Operation) -> bool:
    """Whether a pooling kept rows and columns."""
    given, shape = operation.given[0] if operation.given else (), operation.shape
    return len(given) == 4 and shape[-2:] == given[-2:] and given[-2] * given[-1] > 1


def _pooled(name: str, what: str, symbol: str) -> Callable[[Operation], Words]:
    def words(operation: Operation) -> Words:
        if _over_channels(operation):
            return name, f"{what} over the channels, at every place", f"{symbol}_c x_c(i, j)"
        return name, f"squeeze: {what} of every channel over all places", f"z_c = {symbol} x_c"

    return words


def _layer(operation: Operation) -> Words:
    weight = next((parameter for parameter in operation.parameters if parameter.ndim > 1), None)
    if weight is None:
        return "layer", "a layer", "W z"
    outputs, inputs, *kernel = weight.shape
    if any(size > 1 for size in kernel):
        if len(kernel) == 1:
            size = kernel[0]
            return (
                "convolution",
                f"a convolution over {size} neighbouring channels at a time",
                f"Σ w_i z_(c+i), k = {size}",
            )
        across = " × ".join(map(str, kernel))
        return "convolution", f"a convolution of {across} places", "f * [avg; max]"
    return "fully connected", f"a layer from {inputs} to {outputs}", "W z + b"


def _sum(operation: Operation) -> Words:
    if len(operation.given) < 2:
        return "shifted", "a constant added", "z + c"
    return "sum", "the branches added", "z + z′"


def _fixed(name: str, sentence: str, formula: str) -> Callable[[Operation], Words]:
    return lambda _: (name, sentence, formula)


_RELU = _fixed("relu", "what is below zero becomes zero", "max(0, z)")
_SIGMOID = _fixed("sigmoid", "a factor between 0 and 1", "s = σ(z)")
_MEAN = _pooled("mean", "the mean", "mean")
_MAXIMUM = _pooled("maximum", "the largest value", "max")
_CLAMP = _fixed("clamp", "kept within bounds", "min(max(z, a), b)")
_DIVIDED = _fixed("divided", "divided by a constant", "z / c")

OPERATIONS: Mapping[str, Callable[[Operation], Words]] = {
    **dict.fromkeys(("mean", "adaptive_avg_pool2d", "avg_pool2d"), _MEAN),
    **dict.fromkeys(("amax", "max", "adaptive_max_pool2d", "max_pool2d"), _MAXIMUM),
    **dict.fromkeys(("linear", "conv1d", "conv2d"), _layer),
    "relu": _RELU,
    "tanh": _fixed("tanh", "a factor between −1 and 1", "tanh(z)"),
    **dict.fromkeys(("mul", "rmul", "imul"), _fixed("times", "multiplied", "a z")),
    **dict.fromkeys(("sub", "rsub", "isub"), _fixed("difference", "one less the other", "z − z′")),
    "exp": _fixed("exp", "e to the power of it", "exp(z)"),
    **dict.fromkeys(
        ("rtruediv", "rdiv", "reciprocal"), _fixed("inverse", "one divided by it", "1 / z")
    ),
    "neg": _fixed("negative", "its sign turned", "−z"),
    "norm": _fixed("norm", "the root of the sum of squares", "‖x_c‖"),
    **dict.fromkeys(
        ("interpolate", "upsample"), _fixed("enlarged", "to the size of the map", "↑z")
    ),
    "hardswish": _fixed("hard swish", "each times its own hard sigmoid", "z clip(z/6 + 1/2, 0, 1)"),
    "silu": _fixed("silu", "each times its own sigmoid", "z σ(z)"),
    "gelu": _fixed("gelu", "each times its share of a normal distribution below it", "z Φ(z)"),
    "batch_norm": _fixed("normalised", "normalised as learnt in training", "(z − μ) / σ"),
    "layer_norm": _fixed("normalised", "normalised to mean 0 and deviation 1", "(z − μ) / σ"),
    **dict.fromkeys(("add", "iadd", "radd"), _sum),
    **dict.fromkeys(("clamp", "clip", "hardtanh", "relu6"), _CLAMP),
    **dict.fromkeys(("div", "truediv", "itruediv"), _DIVIDED),
    "sigmoid": _SIGMOID,
    "hardsigmoid": _fixed("hard sigmoid", "a factor between 0 and 1", "clip(z/6 + 1/2, 0, 1)"),
    "softmax": _fixed("softmax", "factors that sum to 1 over the branches", "exp(z) / Σ exp(z)"),
}
"""Step descriptions by name of the torch function. Views are not steps."""


def _scaled(gate: Gate) -> Step:
    after = None if gate.features is None else gate.features[0].float()
    if gate.values.shape[2:].numel() == 1:
        factor = gate.values[0, :, 0, 0]
        if after is None:
            return step("scale", "the factor of every channel", "s_c", factor, ("channel",))
        after = after.mean(dim=(1, 2)) * factor
        sentence = "every place of a channel times its factor; shown is the mean over places"
        return step("scale", sentence, "y_c = s_c x_c", after, ("channel",))
    masks, axes = gate.values[0].float(), ("row", "column")
    if masks.shape[0] > 1:
        after = masks.mean(0) if after is None else (after * masks).mean(dim=0)
        sentence = "every entry times its own factor; shown is the mean over channels"
        return step("scale", sentence, "y_c(i, j) = M_c(i, j) x_c(i, j)", after, axes)
    if after is None:
        return step("scale", "the factor of every place", "M(i, j)", masks[0], axes)
    after = after.mean(dim=0) * masks[0]
    sentence = "all channels of a place times its factor; shown is the mean over channels"
    return step("scale", sentence, "y(i, j) = M(i, j) x(i, j)", after, axes)
