"""`fovea convert`: converts PyTorch checkpoints to safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from fovea.server.commands.common import DONE, Stop, bytes_in_words, catalogue, problems_stop, tell

SUMMARY = "write the weights of a PyTorch checkpoint as safetensors"
DESCRIPTION = (
    "Write the weights of PyTorch checkpoints (.pt, .pth, .bin, .ckpt) as safetensors; several\n"
    "files become one. Nothing of a checkpoint is run: torch's restricted reader makes tensors,\n"
    "plain containers and what training scripts keep beside the weights (argparse's Namespace,\n"
    "paths, numbers), and no other objects. With --model, what wrappers put before the names\n"
    "(Lightning's `model.`, DataParallel's `module.`, DINO's `student.`) is taken off as the\n"
    "network's own names say."
)
EPILOG = """\
examples:
  fovea convert flowers.pth weights/flowers.safetensors
  fovea convert last.ckpt flowers.safetensors --model flowers      flowers.toml of FOVEA_MODELS_DIR
  fovea convert dino.pth v.safetensors --key teacher --model vit_small_patch16_224
  fovea convert pytorch_model-*.bin model.safetensors
  FOVEA_WEIGHTS_DIR=weights fovea models      finds weights/<model id>.safetensors
"""

LISTED = 5


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea convert`."""
    parser.add_argument(
        "source", type=Path, nargs="+", metavar="CHECKPOINT", help="the files to read"
    )
    parser.add_argument("target", type=Path, metavar="SAFETENSORS", help="the file to write")
    parser.add_argument(
        "--model", metavar="MODEL", help="the network that they are for, as `fovea models` has it"
    )
    parser.add_argument(
        "--key", metavar="KEY", help="the part of the checkpoint: state_dict, teacher, …"
    )


def run(options: argparse.Namespace) -> int:
    """Writes the file and prints a summary of it."""
    from fovea.models.catalog.weights.convert import NotConvertible, convert
    from fovea.models.catalog.weights.names import in_words

    own = None if options.model is None else _names_of(options.model)
    try:
        done = convert(options.source, options.target, own, options.key)
    except NotConvertible as error:
        raise Stop(f"not converted: {error}") from error
    size = bytes_in_words(options.target.stat().st_size)
    tell(f"{options.target}: {len(done.shapes)} tensors, {size}")
    for line in in_words(done.renamed):
        tell(f"  renamed: {line}")
    for what, names in (("left out", done.left), ("not in the checkpoint", done.missing)):
        if names:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            tell(f"  {what}: {', '.join(names[:LISTED])}{more}")
    return DONE


def _names_of(model: str) -> set[str]:
    """The tensor names of a network, which is built without weights."""
    from fovea.models.catalog.weights.weights import WeightsError
    from fovea.server.commands.examination import random_weights
    from fovea.server.engine.shelf import find

    known = random_weights(catalogue())
    with problems_stop():
        spec = find(known, model)
    try:
        return set(known.architecture(spec.id).state_dict())
    except WeightsError as error:
        raise Stop(f"{error}. {error.hint}") from error
