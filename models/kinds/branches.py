"""Operators that run Python of the network themselves: its branches and loops (`torch.cond`)."""

from __future__ import annotations

from typing import Any

from torch.utils._pytree import tree_leaves

from fovea.models.tracing.recording import Watch

UNSEEN = "what it runs does not pass through Python, so that nothing in there is seen"


def on_cond(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Runs the branch that `torch.cond` would run, under the mode."""
    given = dict(zip(("pred", "true_fn", "false_fn", "operands"), args, strict=False)) | kwargs
    branch = given["true_fn"] if given["pred"] else given["false_fn"]
    with watch:
        return branch(*given.get("operands", ()))


def on_higher_order(watch: Watch, func: Any, args: Any, kwargs: Any) -> Any:
    """Names another operator that is given functions: a loop, a scan."""
    result = func(*args, **kwargs)
    if any(callable(one) for one in tree_leaves((args, kwargs))):
        watch.recording.miss("part", func.func, UNSEEN)
    return result
