"""Makes torchvision importable beside a torch build that lacks its compiled operators.

torchvision registers fake kernels for `nms` and `qnms` at import, and torch refuses a fake kernel
for an operator that does not exist: "operator torchvision::nms does not exist". That happens if
torch is built for the CPU and torchvision for CUDA, because its compiled library then cannot be
loaded. timm imports torchvision and uses neither operator, so declaring their names is enough. The
real import is tried first: if it works nothing is declared, since declaring an operator that its
library defines aborts the process.

`from fovea import capture` cannot wait for that import, which takes as long as torch's own. It
loads only torchvision's compiled libraries, which is fast, and then declares what is missing.
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
# Two threads doing this at once would remove modules that the other is importing.
_ONE_AT_A_TIME = threading.Lock()
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")


@cache
def declare_missing_operators() -> tuple[str, ...]:
    """Import torchvision, if installed, and declare the operators it reports missing; returns their
    names. Call before `import timm`.

    Raises any other error of the import.
    """
    with _ONE_AT_A_TIME:
        return _declare()


def _declare() -> tuple[str, ...]:
    declared: list[str] = []
    while True:
        try:
            importlib.import_module("torchvision")
        except ImportError:
            return tuple(declared)  # not installed or incompatible: timm reports it itself
        except RuntimeError as error:
            found = _MISSING.search(str(error))
            name = found[1] if found else ""
            if name not in _SCHEMAS or name in declared:
                raise
            # Partially imported modules must be removed before the next attempt.
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
    """Declare the operators that torchvision's libraries do not define, without importing it;
    returns their names. `import timm` or `import torchvision` then works.
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
