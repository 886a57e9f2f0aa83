"""What a spatial transformer reads and passes on."""

from __future__ import annotations

from fovea.models.methods import options
from fovea.models.methods.base import Made, Method, Options, Phrase, Subject
from fovea.models.methods.grid import KINDS, check


def _make(subject: Subject, chosen: Options) -> Made:
    from fovea.models.methods.making.choosing import chosen as chosen_site
    from fovea.models.records import Map

    site = chosen_site(subject, chosen, KINDS)
    output = site.sampling.output[0]
    known = subject.normalisation
    is_picture = known is not None and len(known[0]) == output.shape[0]
    sentence = f"Spatial transformer {site.layer}: what it passes on"
    about = {"site": site.id, "picture": is_picture, "values_are": "tensor"}
    return Made(Map(output, ("channel", "row", "column"), None, sentence), about)


def _sentence(subject: Subject) -> Phrase:
    from fovea.models.methods.making.choosing import fitting

    return Phrase(
        "warped",
        "Spatial transformer {layer}: what it passes on",
        {"layer": fitting(subject, KINDS).layer},
    )


METHOD = Method(
    name="warped",
    order=60,
    title="What it reads",
    summary="What a spatial transformer reads and passes on",
    claim="picture",
    equation="V = the input U sampled at the grid's points, bilinear",
    paper="Jaderberg et al. 2015, eq. 3 and 5",
    options=(options.SITE, options.LAYER),
    check=check,
    make=_make,
    sentence=_sentence,
    kinds=KINDS,
    on_photo=False,
)
