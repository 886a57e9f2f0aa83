"""Resolves the requested site, class or word of a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fovea.models.closest import did_you_mean
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods.base import BadOption, Options, Subject
from fovea.models.records import Site
from fovea.models.running.tasks import Sentence

Fits = Callable[[Site], None]
"""Raises NotPossible if a site does not support the map."""


def require_photo(subject: Subject) -> None:
    """Raises NotPossible if the input was a sentence."""
    if not subject.reads_photo:
        raise NotPossible("it read a sentence; there is no photo to lay a map on", "no-photo")


def of_kind(*kinds: str) -> Fits:
    """Accepts sites of these kinds."""

    def fits(site: Site) -> None:
        if site.kind not in kinds:
            wanted = " or ".join(kinds)
            raise NotPossible(
                f"site {site.id} is of the kind {site.kind}, not {wanted}",
                "wrong-kind",
                site=site.id,
                kind=site.kind,
                wanted=wanted,
            )

    return fits


def fitting(subject: Subject, kinds: Sequence[str], fits: Fits | None = None) -> Site:
    """The last site that is accepted; raises NotPossible if there is none."""
    sites = [site for site in subject.trace.sites if site.kind in kinds]
    if not sites:
        named = " or ".join(kind.replace("-", " ") for kind in kinds)
        raise NotPossible(f"it has no {named}", "no-such-site", kinds=list(kinds))
    refused: NotPossible | None = None
    for site in reversed(sites):
        try:
            if fits is not None:
                fits(site)
        except NotPossible as error:
            refused = refused or error
        else:
            return site
    assert refused is not None
    raise refused


def chosen(
    subject: Subject, options: Options, kinds: Sequence[str], fits: Fits | None = None
) -> Site:
    """The site named by `site` or `layer`, else the last accepted one.

    Raises UnknownSite, BadOption, or NotPossible if the named site is not accepted.
    """
    name, layer = options.get("site"), options.get("layer")
    if name is not None and layer is not None:
        raise BadOption("site and layer name the same thing; give one of them.")
    if name is not None:
        site = subject.trace.site(name)
        of_kind(*kinds)(site)
    elif layer is not None:
        sites = [site for site in subject.trace.sites if site.kind in kinds]
        if not -len(sites) <= layer < len(sites):
            there = f"0 to {len(sites) - 1}" if sites else "none"
            raise BadOption(
                f"layer={layer} does not exist; {subject.name} has {' or '.join(kinds)} layers "
                f"{there}.",
                limit=len(sites) - 1,
                actual=layer,
            )
        site = sites[layer]
    else:
        return fitting(subject, kinds, fits)
    if fits is not None:
        fits(site)
    return site


def require_classes(subject: Subject) -> None:
    """Raises NotPossible if the network does not classify."""
    require_photo(subject)
    if subject.predicted is None:
        raise NotPossible("it names no classes, so there is no map for one", "no-classes")


def target_of(subject: Subject, target: str | None) -> int:
    """The index of a class given by number or label; the predicted one by default."""
    require_classes(subject)
    assert subject.predicted is not None
    return subject.predicted if target is None else _class_of(subject, "target", target)


def other_class(subject: Subject, against: str, index: int) -> int:
    """The index of the class to compare with class `index`; raises BadOption if it is the same."""
    other = _class_of(subject, "against", against)
    if other == index:
        raise BadOption(
            f"against={against[:50]!r} is the class that the map is for, so nothing would be left.",
            hint="Name another class in against, or in target.",
        )
    return other


def _class_of(subject: Subject, option: str, given: str) -> int:
    """The index of a class given by number or label; raises BadOption, which names `option`."""
    text = given.strip()
    count = None if subject.labels is None else len(subject.labels)
    if text.isdecimal() and count is not None and int(text[:9]) < count:
        return int(text)
    folded = text.casefold()
    names = [label.split(",")[0] for label in subject.labels or ()]
    for index, label in enumerate(subject.labels or ()):
        if folded in (label.casefold(), names[index].casefold()):
            return index
    valid = f"0 to {count - 1}, or a label" if count else "the predicted class only"
    raise BadOption(
        f"{option}={text[:50]!r} is no class of {subject.name}; valid: {valid}."
        f"{did_you_mean(text, names)}",
        hint="The labels are in the model's card, GET /v1/models/{model}.",
    )


def place_of(word: str, words: Sequence[str], where: str) -> int:
    """The position among `words` of one given by position from 0 or as text; the first occurrence
    if there are several. Raises BadOption, which lists them.
    """
    text = word.strip()
    if text.isdecimal() and int(text[:9]) < len(words):
        return int(text)
    folded = [one.casefold() for one in words]
    if text.casefold() in folded:
        return folded.index(text.casefold())
    valid = ", ".join(f"{place} {one}" for place, one in enumerate(words)) or "none"
    raise BadOption(
        f"word={text[:50]!r} is not there; {where} has the words: {valid}.",
        limit=len(words) - 1 if text.isdecimal() else None,
        actual=int(text[:9]) if text.isdecimal() else None,
    )


def written_word(subject: Subject, word: str | None) -> int:
    """The position of a word that the network wrote; the first by default."""
    sentence = require_written(subject)
    if word is None:
        return 0
    return place_of(word, [one.text for one in sentence.words], f"what {subject.name} wrote")


def require_written(subject: Subject) -> Sentence:
    """The words that the network wrote; raises NotPossible if there are none."""
    if subject.sentence is None or not subject.sentence.words:
        raise NotPossible("it wrote no word about it", "no-words")
    return subject.sentence
