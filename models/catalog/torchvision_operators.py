"""Lets torchvision be imported next to a torch build that lacks its compiled operators.

torchvision registers fake kernels for `nms` and `qnms` when it is imported, and torch refuses a
fake kernel for an operator that does not exist: "operator torchvision::nms does not exist". That
is so where torch was built for the CPU and torchvision for CUDA, since its compiled library then
cannot be loaded. timm imports torchvision and uses neither operator, so declaring their names is
enough. Next to a matching torchvision this does nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
from functools import cache
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _compiled_library() -> Path | None:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("_C.*"))), None)


@cache
def declare_missing_operators() -> tuple[str, ...]:
    """Declare what is missing, once; returns the names declared. Call before `import torchvision`
    or `import timm`.
    """
    library = _compiled_library()
    if library is not None:
        # One built for another torch cannot be loaded: its operators are the missing ones.
        with contextlib.suppress(OSError):
            torch.ops.load_library(library)
    missing = tuple(name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name))
    for name in missing:
        torch.library.define(f"torchvision::{name}", _SCHEMAS[name].removeprefix(name))
    return missing
