"""bfloat16 where the processor multiplies it, float32 where it would have to pretend to."""

import pytest
import torch

from training.examples.precision import mixed

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "wanted", "expected"),
    [
        ({"avx512_bf16": True}, True, torch.bfloat16),
        ({"amx_bf16": True}, True, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, True, torch.float32),
        ({"avx512_bf16": True}, False, torch.float32),
    ],
)
def test_products_are_in_what_the_processor_has(
    able: dict[str, bool], wanted: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    matrix = torch.eye(2)
    with mixed(CPU, wanted):
        assert (matrix @ matrix).dtype == expected
    assert (matrix @ matrix).dtype == torch.float32
