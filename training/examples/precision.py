"""Half the bits where that is quicker."""

import torch

NATIVE = ("avx512_bf16", "amx_bf16")
"""Processor instructions that multiply bfloat16; without them it is emulated, several times slower
than float32.
"""


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 by itself; every GPU is taken to."""
    if device.type != "cpu":
        return True
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in NATIVE)


def mixed(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Products in bfloat16 within, where they are wanted and the device has them."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has_bfloat16(device))
