"""The two maps of a spatial transformer: where it samples the photo, and what it reads there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Claim, Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site, Trace

KINDS = ("spatial-transformer",)


def check(subject: Subject, site: Site | None) -> None:
    """Raises NotPossible without a spatial transformer."""
    from fovea.models.methods.making.choosing import fitting, of_kind

    of_kind(*KINDS)(site) if site else fitting(subject, KINDS)


def sampling_grid(site: Site, trace: Trace | None = None) -> Made:
    """The source point of each output cell: values (row, column, xy), −1…1.

    trace: of the network; if another, non-affine spatial transformer lies in between, the points on
    the photo are added.
    """
    from fovea.models.kinds.warp.chain import points_read, read_through
    from fovea.models.records import Map

    sampling = site.sampling
    rows, columns = sampling.input.shape[2:]
    sentence = f"Spatial transformer {site.layer}: where each cell of its output is read from"
    through = [] if trace is None else [one.sampling for one in read_through(trace, site)]
    displaced = any(one.theta is None for one in through)
    about = {
        "site": site.id,
        "theta": None if sampling.theta is None else sampling.theta[0].float().tolist(),
        "input": {"rows": rows, "columns": columns},
        "output": {"rows": sampling.grid.shape[1], "columns": sampling.grid.shape[2]},
        "align_corners": sampling.align_corners,
        "points": points_read(sampling, through).tolist() if displaced else None,
    }
    return Made(Map(sampling.grid[0], ("row", "column", "xy"), None, sentence), about, "grid")


def _make_grid(subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site

    return sampling_grid(chosen_site(subject, chosen, KINDS), subject.trace)


def _make_warped(subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site
    from fovea.models.records import Map

    site = chosen_site(subject, chosen, KINDS)
    output = site.sampling.output[0]
    known = subject.normalisation
    is_picture = known is not None and len(known[0]) == output.shape[0]
    sentence = f"Spatial transformer {site.layer}: what it passes on"
    about = {"site": site.id, "picture": is_picture, "values_are": "tensor"}
    return Made(Map(output, ("channel", "row", "column"), None, sentence), about)


def _sentence(key: str, english: str, subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    return Phrase(key, english, {"layer": fitting(subject, KINDS).layer})


def _method(
    name: str,
    title: str,
    summary: str,
    claim: Claim,
    equation: str,
    paper: str,
    *,
    make: Callable[[Subject, Options], Made],
    sentence: str,
    order: int,
    first: int | None = None,
) -> Method:
    return Method(
        name=name,
        title=title,
        summary=summary,
        claim=claim,
        equation=equation,
        paper=paper,
        options=(options.SITE, options.LAYER),
        check=check,
        make=make,
        sentence=partial(_sentence, name, sentence),
        kinds=KINDS,
        on_photo=False,
        order=order,
        first=first,
    )


GRID = _method(
    "grid",
    "Sampling grid",
    "Where a spatial transformer reads, as a grid on the photo",
    "sampling grid",
    "(x, y) = θ·(x′, y′, 1), the source point of each output cell, −1…1",
    "Jaderberg et al. 2015, eq. 1",
    make=_make_grid,
    sentence="Spatial transformer {layer}: where each cell of its output is read from",
    order=50,
    first=30,
)
WARPED = _method(
    "warped",
    "What it reads",
    "What a spatial transformer reads and passes on",
    "picture",
    "V = the input U sampled at the grid's points, bilinear",
    "Jaderberg et al. 2015, eq. 3 and 5",
    make=_make_warped,
    sentence="Spatial transformer {layer}: what it passes on",
    order=60,
)
