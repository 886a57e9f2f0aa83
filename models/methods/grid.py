"""Where a spatial transformer reads, as a sampling grid on the photo; and what it reads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject

if TYPE_CHECKING:
    from fovea.models.records import Site, Trace

KINDS = ("spatial-transformer",)


def check(subject: Subject, site: Site | None) -> None:
    """Raises NotPossible without a spatial transformer."""
    from fovea.models.methods.making.choosing import fitting, of_kind

    of_kind(*KINDS)(site) if site else fitting(subject, KINDS)


def sampling_grid(site: Site, trace: Trace | None = None) -> Made:
    """For each output cell the source point: values (row, column, xy), −1…1.

    trace: of the network; then also the points on the photo, where another spatial transformer that
    no affine map describes lies between.
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


def _make(subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site

    return sampling_grid(chosen_site(subject, chosen, KINDS), subject.trace)


def _sentence(subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    return Phrase(
        "grid",
        "Spatial transformer {layer}: where each cell of its output is read from",
        {"layer": fitting(subject, KINDS).layer},
    )


METHOD = Method(
    name="grid",
    order=50,
    title="Sampling grid",
    summary="Where a spatial transformer reads, as a grid on the photo",
    claim="sampling grid",
    equation="(x, y) = θ·(x′, y′, 1), the source point of each output cell, −1…1",
    paper="Jaderberg et al. 2015, eq. 1",
    options=(options.SITE, options.LAYER),
    check=check,
    make=_make,
    sentence=_sentence,
    kinds=KINDS,
    on_photo=False,
)
