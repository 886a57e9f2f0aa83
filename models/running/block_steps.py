"""A Transformer block step by step, for one token: norm, attention, sum, norm, feed-forward, sum.

Layer normalisation as in Ba et al. 2016, equations 3 and 4; the feed-forward layer as in Vaswani et
al. 2017, equation 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fovea.models.capture.block import NORMS, Block, Part, RowCall
from fovea.models.capture.stream import ACTIVATIONS
from fovea.models.kinds.step import Step, step

CHANNEL = ("channel",)


def block_steps(block: Block) -> list[Step]:
    """The steps that ran, in their order."""
    first = block.parts[0]
    found = [step("token", "the token before this block", "x", first.before, CHANNEL)]
    for part in block.parts:
        # The norm after the block before made the token; it is not this block's.
        earlier = [call for call in part.calls if part is first and call.made.equal(first.before)]
        found += _of_part(part, [call for call in part.calls if call not in earlier])
    if block.norm is not None:
        found += norm_steps(block.norm)
    return found


def _of_part(part: Part, calls: Sequence[RowCall]) -> list[Step]:
    found: list[Step] = []
    kind, module = part.addition.kind, part.addition.module
    inside = kind == "feed-forward"
    hidden: Tensor | None = None
    for call in calls:
        if call.name in NORMS:
            found += norm_steps(call)
        elif inside and call.name == "linear" and not call.made.equal(part.added):
            hidden = call.made
            sentence = f"a wider layer, of {len(hidden)} numbers, for each token alone"
            found.append(step("hidden", sentence, "h = W_1 x + b_1", hidden, CHANNEL, call.module))
        elif inside and call.name in ACTIVATIONS:
            sentence = "what is let through of each of them"
            formula = f"{call.name}(h)"
            found.append(step("activation", sentence, formula, call.made, CHANNEL, call.module))
        elif inside and call.name == "mul" and hidden is not None and len(call.made) == len(hidden):
            sentence = "times a second wide layer, number by number"
            found.append(step("gated", sentence, "a ⊙ h", call.made, CHANNEL, call.module))
    if inside:
        sentence, formula = "and back to the token's width", "f = W_2 a + b_2"
        found.append(step("feed-forward", sentence, formula, part.added, CHANNEL, module))
    else:
        name = "attention" if kind == "attention" else "addition"
        sentence = "what this layer adds to the token"
        found.append(step(name, sentence, "a", part.added, CHANNEL, module))
    symbol = "f" if inside else "a"
    sentence = "the residual connection: it is added, nothing is replaced"
    found.append(step("sum", sentence, f"x ← x + {symbol}", part.after, CHANNEL, module))
    return found


def norm_steps(call: RowCall) -> list[Step]:
    """Mean, variance, the normalised vector, gain and bias, and what they make of it."""
    if call.given is None:
        return [step("norm", "normalised", "LN(x)", call.made, CHANNEL, call.module)]
    x, eps = call.given.double(), call.eps or 0.0
    centred = call.name == "layer_norm"
    mean = x.mean() if centred else x.new_zeros(())
    variance = (x - mean).square().mean()
    normal = (x - mean) / (variance + eps).sqrt()
    found = []
    if centred:
        found.append(
            step("mean", "the mean of its numbers", "μ = Σ x_i / d", mean, (), call.module)
        )
        found.append(
            step(
                "variance",
                "how far they lie from it, squared, on average",
                "σ² = Σ (x_i − μ)² / d",
                variance,
                (),
                call.module,
            )
        )
    else:
        formula = "m = Σ x_i² / d"
        found.append(step("mean square", "the mean of its squares", formula, variance, ()))
    formula = f"x̂ = (x − μ) / √(σ² + {eps:g})" if centred else f"x̂ = x / √(m + {eps:g})"
    sentence = "mean 0 and variance 1" if centred else "mean square 1"
    found.append(step("normalised", sentence, formula, normal, CHANNEL, call.module))
    if call.gain is not None:
        sentence = "a learned factor for each number"
        found.append(step("gain", sentence, "γ", call.gain, CHANNEL, call.module))
    if call.bias is not None:
        found.append(step("bias", "and a learned bias", "β", call.bias, CHANNEL, call.module))
    formula = "LN(x) = γ ⊙ x̂" + (" + β" if call.bias is not None else "")
    made = call.made if call.made.dtype == torch.float32 else call.made.float()
    found.append(step("norm", "what the next layer reads", formula, made, CHANNEL, call.module))
    return found
