"""Half precision where it is faster."""

import torch

NATIVE = ("avx512_bf16", "amx_bf16")
"""CPU features for bfloat16 multiplication; without them it is emulated, several times slower than
float32.
"""


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively; GPUs are assumed to."""
    if device.type != "cpu":
        return True
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in NATIVE)


def mixed(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Computes products in bfloat16 inside the block, if requested and supported."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and has_bfloat16(device))
