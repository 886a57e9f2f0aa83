"""Which device the networks run on."""

from __future__ import annotations

import torch


def pick_device(name: str) -> torch.device:
    """Resolves `auto` to a GPU if there is one; raises ValueError for a device that does
    not exist.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        available = (device.index or 0) < torch.cuda.device_count()
    else:
        available = device.type == "cpu" or torch.backends.mps.is_available()
    if not available:
        built = torch.version.cuda or device.type != "cuda"
        version = f"{torch.__version__}{'' if built else ' is built without CUDA: it'}"
        raise ValueError(f"torch {version} finds no device {name!r}; cpu and auto always work")
    return device
