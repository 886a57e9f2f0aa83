"""Error rates of the digits' transformer on canvases not used for selecting its epoch.

`python -m training.claims.digit_errors` writes docs/claims/digit_errors.json for the bundled
network and, if `make train NETWORK=stn_digits_control` left it in runs/, for its control.
"""

import argparse

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import ComposedSpatialTransformer
from training.claims.results import write_figures
from training.claims.windows import turn_deg
from training.examples.data import Examples, data_folder, load_digits
from training.examples.distortions import draw
from training.loop.export import export_folder, load_network
from training.recipes import stn_digits, stn_digits_control
from training.tasks.digits import normalise

DRAWS = range(100, 112)
"""Seeds of the canvases; the canvases that select an epoch use another one."""

FAR_TURNED_DEG = 75.0
"""Beyond this angle a digit is ambiguous about its upright direction."""

OFF_DEG = 20.0
"""Windows rotated by more than this from upright count as off."""

BATCH = 500


def misread(network: nn.Module, shown: Tensor, labels: Tensor) -> Tensor:
    """Which digits the classifier gets wrong: (digit,)."""
    guesses: Tensor = network.head(network.classifier(shown)).argmax(dim=1)  # type: ignore[operator]
    return guesses != labels


@torch.inference_mode()
def errors(network: nn.Module, digits: Examples, draws: range = DRAWS) -> dict[str, float]:
    """Error rates, 0..1, on newly drawn canvases.

    error: mean over the draws, with minimum and maximum · error_far_turned, error_others: of digits
    rotated by more than FAR_TURNED_DEG, and of the rest. With a transformer also
    error_with_true_windows, and of_windows_off: the fraction of errors whose window is rotated by
    more than OFF_DEG from upright.
    """
    wrong, far, wrong_anyway, off = [], [], [], []
    for seed in draws:
        generator = torch.Generator().manual_seed(seed)
        canvases, truth = draw(digits.images, digits.images, generator)
        assert truth is not None, "cluttered digits have a true window"
        for canvas, window, labels in zip(
            normalise(canvases).split(BATCH),
            truth.split(BATCH),
            digits.labels.split(BATCH),
            strict=True,
        ):
            far.append(turn_deg(window).abs() > FAR_TURNED_DEG)
            transformer = network.transformer
            if not isinstance(transformer, ComposedSpatialTransformer):
                wrong.append(misread(network, canvas, labels))
                continue
            glimpse = transformer.glimpses(canvas)[-1]
            *_, look = transformer.looks.values()
            wrong.append(misread(network, glimpse.window, labels))
            wrong_anyway.append(misread(network, look.sample(canvas, window), labels))  # type: ignore[operator]
            turned = (turn_deg(glimpse.theta) - turn_deg(window) + 180) % 360 - 180
            off.append(turned.abs() > OFF_DEG)
    missed, far_turned = torch.cat(wrong), torch.cat(far)
    each = missed.view(len(draws), -1).double().mean(dim=1)
    figures = {
        "error": each.mean(),
        "error_least": each.min(),
        "error_greatest": each.max(),
        "error_far_turned": missed[far_turned].double().mean(),
        "error_others": missed[~far_turned].double().mean(),
    }
    if off:
        figures["error_with_true_windows"] = torch.cat(wrong_anyway).double().mean()
        figures["of_windows_off"] = torch.cat(off)[missed].double().mean()
    return {name: value.item() for name, value in figures.items()}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.digit_errors")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    options = parser.parse_args()
    digits = load_digits(data_folder(options.data), "mnist_val")
    for recipe, name in (
        (stn_digits.RECIPE, "digit_errors"),
        (stn_digits_control.RECIPE, "digit_errors_control"),
    ):
        weights = export_folder(recipe) / f"{recipe.id}.safetensors"
        if weights.is_file():
            network = load_network(weights, recipe.network, dict(recipe.arguments))
            print(write_figures(name, errors(network, digits)))


if __name__ == "__main__":
    main()
