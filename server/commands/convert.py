"""`fovea convert`: the weights of a PyTorch checkpoint as safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from fovea.server.commands.common import DONE, Stop, bytes_in_words

SUMMARY = "write the weights of a PyTorch checkpoint as safetensors"
DESCRIPTION = (
    "Write the weights of a PyTorch checkpoint (.pt, .pth, .bin, .ckpt) as safetensors. Nothing\n"
    "of the checkpoint is run: torch's restricted reader makes tensors and no other objects."
)
EPILOG = """\
examples:
  fovea convert flowers.pth weights/flowers.safetensors
  FOVEA_WEIGHTS_DIR=weights fovea models      finds weights/<model id>.safetensors
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `fovea convert`."""
    parser.add_argument("source", type=Path, metavar="CHECKPOINT", help="the file to read")
    parser.add_argument("target", type=Path, metavar="SAFETENSORS", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Writes the file and says what is in it."""
    from fovea.models.catalog.weights.convert import NotConvertible, convert

    try:
        shapes = convert(options.source, options.target)
    except NotConvertible as error:
        raise Stop(f"not converted: {error}") from error
    size = bytes_in_words(options.target.stat().st_size)
    print(f"{options.target}: {len(shapes)} tensors, {size}")
    return DONE
