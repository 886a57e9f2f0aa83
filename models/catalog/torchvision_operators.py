"""Lets torchvision be imported next to a torch build that lacks its compiled operators.

torchvision registers fake kernels for `nms` and `qnms` when it is imported, and torch refuses a
fake kernel for an operator that does not exist: "operator torchvision::nms does not exist". That
is so where torch was built for the CPU and torchvision for CUDA, since its compiled library then
cannot be loaded. timm imports torchvision and uses neither operator, so declaring their names is
enough. torchvision is asked first: where it can be imported nothing is declared, since declaring an
operator that its library brings ends the process.

`from fovea import capture` cannot wait for that import, which takes as long as torch's own. It
loads torchvision's compiled libraries alone, which is quick, and then declares what is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import threading
from functools import cache
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
# Two threads that begin at once would take away the modules that the other is importing.
_ONE_AT_A_TIME = threading.Lock()
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")


@cache
def declare_missing_operators() -> tuple[str, ...]:
    """Import torchvision, where there is one, and declare what it says is missing; returns the
    names declared. Call before `import timm`.

    Raises whatever else stands in the way of the import.
    """
    with _ONE_AT_A_TIME:
        return _declare()


def _declare() -> tuple[str, ...]:
    declared: list[str] = []
    while True:
        try:
            importlib.import_module("torchvision")
        except ImportError:
            return tuple(declared)  # not installed, or not for this Python: timm says so itself
        except RuntimeError as error:
            found = _MISSING.search(str(error))
            name = found[1] if found else ""
            if name not in _SCHEMAS or name in declared:
                raise
            # What a failed import leaves behind would be taken for the whole.
            for module in [
                one for one in list(sys.modules) if one.partition(".")[0] == "torchvision"
            ]:
                del sys.modules[module]
            torch.library.define(f"torchvision::{name}", _SCHEMAS[name])
            declared.append(name)
        else:
            return tuple(declared)


@cache
def prepare_for_torchvision() -> tuple[str, ...]:
    """Declare what torchvision's own libraries do not bring, without importing it; returns the
    names declared. A later `import timm` or `import torchvision` then works.
    """
    found = None if "torchvision" in sys.modules else importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or sys.platform == "win32":
        return ()
    for library in sorted(Path(found.origin).parent.glob("*.so")):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue  # built for another torch: torchvision cannot load it either
    missing = [name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", _SCHEMAS[name])
    return tuple(missing)
