"""From a pickle to safetensors, once and safely: `fovea convert in.pth out.safetensors`.

The pickle is read by torch's restricted reader (`weights_only=True`), which makes tensors and plain
containers and runs nothing. What is kept are the tensors, under their own names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

WRAPPINGS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "module")
"""Under these keys training scripts put the weights, beside what else they keep."""

PREFIX = "module."
"""What `nn.DataParallel` puts before every name."""


class NotConvertible(Exception):
    """A file that no weights can be taken from. The message says why."""


def convert(source: Path, target: Path) -> dict[str, tuple[int, ...]]:
    """Writes the tensors of the pickle `source` to `target`; gives their shapes by name.

    Raises NotConvertible; what it says is for a person.
    """
    if target.suffix != ".safetensors":
        raise NotConvertible(f"the second file is called something.safetensors, not {target.name}")
    tensors = _tensors(_open(source))
    if not tensors:
        raise NotConvertible(
            f"{source.name} holds no tensors by name; it should be what torch.save wrote of "
            "network.state_dict()"
        )
    try:
        safetensors.torch.save_file(tensors, target, metadata={"format": "pt"})
    except OSError as error:
        raise NotConvertible(f"cannot write {target}: {error.strerror or error}") from error
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _open(source: Path) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NotConvertible(f"cannot read {source}: {error.strerror or error}") from error
    except Exception as error:  # Damaged files raise whatever the part that is damaged raises.
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NotConvertible(
            f"{source.name} is damaged, or holds more than tensors: reading that would run code of "
            "the file's author, and is refused. Where you trust it and have its code, save only "
            f"network.state_dict() there. ({said[:200]})"
        ) from error


def _tensors(found: Any) -> dict[str, Tensor]:
    """The tensors by name, each with memory of its own, as safetensors wants them."""
    if not isinstance(found, Mapping):
        return {}
    for key in WRAPPINGS:
        if isinstance(found.get(key), Mapping):
            return _tensors(found[key])
    named = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
    if named and all(name.startswith(PREFIX) for name in named):
        named = {name.removeprefix(PREFIX): tensor for name, tensor in named.items()}
    return {name: tensor.detach().clone().contiguous() for name, tensor in named.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="fovea convert",
        description="Write the weights of a PyTorch checkpoint (.pt, .pth, .bin, .ckpt) as "
        "safetensors. Nothing of the checkpoint is run.",
    )
    parser.add_argument("source", type=Path, help="the checkpoint")
    parser.add_argument("target", type=Path, help="the safetensors file to write")
    options = parser.parse_args(arguments)
    try:
        shapes = convert(options.source, options.target)
    except NotConvertible as error:
        sys.exit(f"Not converted: {error}")
    size = options.target.stat().st_size
    print(f"{options.target}: {len(shapes)} tensors, {size:,} bytes")


if __name__ == "__main__":
    main()
