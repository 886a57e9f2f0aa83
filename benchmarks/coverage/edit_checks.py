"""What every edit is checked against on a network of somebody else (see `edits`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.editing.run import Edited, edit, edited
from fovea.models.edits import (
    EDITS,
    Edit,
    block,
    drop,
    from_json,
    off,
    skip,
    temperature,
    to_self,
    uniform,
)
from fovea.models.kinds.attention.rows import rows
from fovea.models.places.layout import Layouts, place
from fovea.models.records import Site, Trace

CLOSE, SAME = 1e-5, 1e-6
BY_SITE = frozenset(EDITS) - {"skip", "positions-off", "positions-shuffle"}


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, what it is called with, its plain pass and what came out."""

    module: nn.Module
    inputs: dict[str, Any]
    trace: Trace
    layouts: Layouts
    result: list[Tensor]

    def running(self, *edits: Edit) -> AbstractContextManager[Edited]:
        """The network with its sites known; found anew for what is asked of the call itself."""
        if all(one.edit in BY_SITE for one in edits):
            given = [one for one in self.inputs.values() if isinstance(one, Tensor)]
            return edited(self.module, edits, self.trace, self.layouts, given)
        return edit(self.module, *edits)

    def edited(self, *edits: Edit) -> tuple[Trace, list[Tensor], tuple[str, ...]]:
        with (
            torch.no_grad(),
            self.running(*edits) as run,
            capture(self.module, features=True) as seen,
        ):
            result = self.module(**self.inputs)
        return place(seen.trace, self.layouts), tensors_in(result), run.notes


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor of floats in what a network returned."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        value = value.values()
    elif hasattr(value, "to_tuple"):
        value = value.to_tuple()
    elif hasattr(value, "__dict__") and not isinstance(value, list | tuple):
        value = vars(value).values()
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return []
    return [one for part in value for one in tensors_in(part)]


def differs(mine: list[Tensor], yours: list[Tensor]) -> float:
    """The largest difference, as a share of the largest entry."""
    pairs = list(zip(mine, yours, strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return max(
        (
            float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp(min=1))
            for a, b in pairs
            if a.numel()
        ),
        default=0.0,
    )


Check = Callable[[Subject, Site], str | None]
"""None where all is right, else what is wrong. Raises RefusedEdit."""


def matrix(site: Site) -> Tensor:
    """float64 (window, head, query, key)."""
    attention = site.attention
    parts = {
        name: getattr(attention, name)
        for name in ("query", "key", "mask", "probabilities")
        if getattr(attention, name) is not None
    }
    count = attention.shape[0]

    def of(window: int) -> Any:
        return replace(
            attention,
            **{
                name: one[window : window + 1] if len(one) == count else one
                for name, one in parts.items()
            },
        )

    return torch.stack([rows(of(window)) for window in range(count)]).double()


def same_site(trace: Trace, site: Site) -> Site:
    """The site of the same id."""
    return trace.site(site.id)


def _looks(
    change: Edit, site: Site, subject: Subject, wanted: Tensor, ends: float = CLOSE
) -> str | None:
    seen, _, _ = subject.edited(change)
    found = matrix(same_site(seen, site))
    off_by = float((found - wanted).abs().max())
    return None if off_by <= ends else f"shares are off by {off_by:.1e}"


def check_off(subject: Subject, site: Site) -> str | None:
    """Against zeroed columns of what joins the heads."""
    head = (site.heads or 1) - 1
    seen, found, _ = subject.edited(off(site.id, heads=[head]))
    if differs([matrix(same_site(seen, site)).float()], [matrix(site).float()]) > CLOSE:
        return "where it looks changed too"
    joining = joining_of(subject.module, site)
    if joining is None:
        if all(bool(torch.isfinite(one).all()) for one in found):
            return None
        return "not finite"
    width = joining.weight.shape[1] // (site.heads or 1)
    before = joining.weight.detach().clone()
    try:
        with torch.no_grad():
            joining.weight[:, head * width : (head + 1) * width] = 0
            wanted = tensors_in(subject.module(**subject.inputs))
    finally:
        with torch.no_grad():
            joining.weight.copy_(before)
    off_by = differs(found, wanted)
    return None if off_by <= SAME else f"not zeroed columns: off by {off_by:.1e}"


NAMES = (
    "proj",
    "out_proj",
    "o_proj",
    "output",
    "c_proj",
    "out_lin",
    "projection",
    "attn_proj",
    "to_out",
    "dense",
)


def joining_of(module: nn.Module, site: Site) -> Any:
    """The linear map, or convolution of 1 × 1, that joins the heads of a site; None where it is not
    plain which that is: its name, and as many columns as the heads have numbers together.
    """
    try:
        own = module.get_submodule(site.name)
    except AttributeError:
        return None
    path = site.name.rpartition(".")[0]
    places = [own, *([module.get_submodule(path)] if path else [])]
    value = site.attention.value
    for one in places:
        for name, part in one.named_modules():
            if name.split(".")[-1] not in NAMES and not name.endswith("output.dense"):
                continue
            if isinstance(part, nn.Sequential):
                part = next((one for one in part if hasattr(one, "weight")), part)
            weight = getattr(part, "weight", None)
            if weight is None or weight.ndim not in (2, 4) or weight.shape[2:].numel() != 1:
                continue
            if type(part).__name__ == "Conv1D":  # GPT-2's, whose rows are the heads'
                continue
            if value is None or weight.shape[1] == value.shape[1] * value.shape[3]:
                return part
    return None


def check_mean(subject: Subject, site: Site) -> str | None:
    """Finite: its value is checked on small networks."""
    _, found, _ = subject.edited(from_json({"edit": "mean", "site": site.id, "heads": [0]}))
    if not all(bool(torch.isfinite(one).all()) for one in found):
        return "not finite"
    return None


def check_uniform(subject: Subject, site: Site) -> str | None:
    """Equal shares over the keys that were looked at."""
    plain = matrix(site)
    allowed = (plain > 0).double()
    wanted = allowed / allowed.sum(-1, keepdim=True).clamp(min=1)
    return _looks(uniform(site.id), site, subject, wanted)


def check_self(subject: Subject, site: Site) -> str | None:
    """The identity; refused where queries are no keys."""
    plain = matrix(site)
    if site.queries != site.keys:
        subject.edited(to_self(site.id))
        return "taken, though queries are no keys"
    wanted = torch.eye(plain.shape[-1], dtype=torch.float64).expand(plain.shape)
    return _looks(to_self(site.id), site, subject, wanted)


def check_temperature(subject: Subject, site: Site) -> str | None:
    """softmax(s / 2) from softmax(s)."""
    powered = matrix(site) ** 0.5
    wanted = powered / powered.sum(-1, keepdim=True).clamp(min=1e-300)
    return _looks(temperature(site.id, 2.0), site, subject, wanted)


def check_block(subject: Subject, site: Site) -> str | None:
    """The rest of the row, renormalised."""
    keys = [0, (site.keys or 1) - 1]
    plain = matrix(site)
    wanted = plain.clone()
    query = (site.queries or 1) - 1
    wanted[:, :, query, keys] = 0
    total = wanted[:, :, query].sum(-1, keepdim=True)
    wanted[:, :, query] = torch.where(total > 0, wanted[:, :, query] / total.clamp(min=1e-300), 0.0)
    return _looks(block(site.id, queries=[query], keys=keys), site, subject, wanted)


def check_drop(subject: Subject, site: Site) -> str | None:
    """Nobody looks at what is dropped, from here on."""
    own = keys_of(site)
    token = 1
    seen, _, _ = subject.edited(drop(site.id, [token]))
    if float(matrix(same_site(seen, site))[..., token].max()) != 0:
        return "it is still looked at"
    if own is None:
        return None
    cell = set(own.cells[:, token].tolist()) - {-1}
    for later in seen.sites[int(site.id[1:]) :]:
        theirs = keys_of(later)
        if theirs is None or theirs.grid != own.grid:
            continue
        hidden = torch.isin(theirs.cells, torch.tensor(sorted(cell)))
        mass = float(
            matrix(later).mul(hidden.expand(later.attention.shape[0], -1)[:, None, None]).max()
        )
        if mass != 0:
            return f"{later.id} still looks at it: {mass:.1e}"
    return None


def keys_of(site: Site) -> Any:
    """Where the keys are, None where that is not known."""
    return None if site.layout is None else site.layout.keys


def check_skip(subject: Subject, site: Site) -> str | None:
    """Something changes, or what a zero joining matrix gives."""
    _, found, _ = subject.edited(skip(site.id))
    joining = joining_of(subject.module, site)
    if joining is None or site is not _only(subject.trace, site):
        return None if differs(found, subject.result) > 0 else "nothing changed"
    before = {name: one.detach().clone() for name, one in joining.named_parameters()}
    try:
        with torch.no_grad():
            for one in joining.parameters():
                one.zero_()
            wanted = tensors_in(subject.module(**subject.inputs))
    finally:
        with torch.no_grad():
            for name, one in joining.named_parameters():
                one.copy_(before[name])
    off_by = differs(found, wanted)
    if off_by <= CLOSE:
        return None
    # Norms and scales behind the joining matrix add something of their own.
    return None if differs(found, subject.result) > 0 else "nothing changed"


def _only(trace: Trace, site: Site) -> Site:
    """The only site of its module, or the first of several."""
    return next(one for one in trace.sites if one.name == site.name)


def _gate(change: dict[str, Any], value: float | str) -> Check:
    def check(subject: Subject, site: Site) -> str | None:
        one = from_json({**change, "site": site.id})
        seen, found, _ = subject.edited(one)
        if not all(bool(torch.isfinite(part).all()) for part in found):
            return "not finite"
        wanted = factor_of(site).clone()
        channels = change.get("channels")
        filled = (
            wanted.mean((1, 2, 3), keepdim=True).expand_as(wanted)
            if value == "mean"
            else torch.full_like(wanted, float(value))
        )
        if channels is None:
            wanted = filled
        else:
            wanted[:, channels] = filled[:, channels]
        off_by = differs([factor_of(same_site(seen, site))], [wanted])
        return None if off_by <= CLOSE else f"the factor is off by {off_by:.1e}"

    return check


def factor_of(site: Site) -> Tensor:
    """What a gate multiplies by."""
    if site.kind == "strip-gate":
        product: Tensor = site.tensors.product  # type: ignore[attr-defined]
        return product
    return site.gate.values


def _theta(subject: Subject, site: Site) -> str | None:
    wanted = [[0.8, -0.1, 0.2], [0.1, 0.9, -0.3]]
    seen, _, _ = subject.edited(from_json({"edit": "theta", "site": site.id, "theta": wanted}))
    sampling = same_site(seen, site).sampling
    theta = sampling.theta
    if theta is None or not torch.allclose(
        theta[0].double(), torch.tensor(wanted).double(), atol=CLOSE
    ):
        return "θ is another"
    grid = torch.nn.functional.affine_grid(
        theta, [len(theta), 1, *sampling.grid.shape[1:3]], align_corners=sampling.align_corners
    )
    return None if torch.allclose(grid, sampling.grid, atol=CLOSE) else "the grid is another"


def _identity(subject: Subject, site: Site) -> str | None:
    seen, _, _ = subject.edited(from_json({"edit": "identity", "site": site.id}))
    theta = same_site(seen, site).sampling.theta
    wanted = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    return None if theta is not None and torch.allclose(theta[0].cpu(), wanted) else "no identity"


CHECKS: dict[str, dict[str, Check]] = {
    "attention": {
        "off": check_off,
        "mean": check_mean,
        "uniform": check_uniform,
        "self": check_self,
        "temperature": check_temperature,
        "block": check_block,
        "drop": check_drop,
        "skip": check_skip,
    },
    "gate": {
        "open": _gate({"edit": "open"}, 1.0),
        "shut": _gate({"edit": "shut"}, 0.0),
        "set": _gate({"edit": "set", "value": 0.3}, 0.3),
        "mean": _gate({"edit": "mean"}, "mean"),
        "shut a channel": _gate({"edit": "shut", "channels": [1]}, 0.0),
    },
    "warp": {"theta": _theta, "identity": _identity},
}
