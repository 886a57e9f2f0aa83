"""The steps of one site, straight from a network and a photo."""

from __future__ import annotations

from torch import Tensor, nn

from fovea.models.kinds.attention.steps import attention_steps
from fovea.models.kinds.kind import At
from fovea.models.kinds.registry import SITE_KINDS
from fovea.models.kinds.step import Step
from fovea.models.maps.propagation import NotPossible
from fovea.models.places.layout import Layouts
from fovea.models.running.inference import run, run_for_workings


def steps(
    module: nn.Module,
    inputs: Tensor,
    site: str,
    *,
    query: int = 0,
    head: int = 0,
    key: int | None = None,
    window: int = 0,
    pixel: tuple[int, int] = (0, 0),
    layouts: Layouts | None = None,
) -> list[Step]:
    """The steps by which the site `site` ("s05") computes its result, from two passes of one photo.

    inputs: (1, channel, height, width) · query, head, key, window: of an attention, by number; key
    None: the most attended one · pixel: (row, column) of a spatial transformer's output. Raises
    `fovea.models.records.UnknownSite`, which lists the valid ids.
    """
    _, (trace,) = run(module, inputs, layouts)
    found = trace.site(site)
    workings = run_for_workings(module, inputs, [one.id for one in trace.sites].index(site), found)
    if workings is None:
        raise NotPossible(f"a second pass did not meet site {site}")
    tell = SITE_KINDS[found.kind].steps
    if tell is None:
        return attention_steps(found, workings, window, query, head, key)
    return tell(found, workings, At(*pixel))
