"""Which map is asked for: its name, the options it heeds, and the way to its values.

The values are made by what makes them for the API: the engine and server/answers/.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fovea.server.commands.common import USAGE, Stop
from fovea.server.commands.parsing import meant

if TYPE_CHECKING:
    from fovea.models.records import Site
    from fovea.server.answers.named_array import NamedArray
    from fovea.server.engine.analysis import Analysis
    from fovea.server.engine.engine import Engine

SITE = ("layer", "site")

HEEDED: dict[str, tuple[str, ...]] = {
    "attention": (*SITE, "query", "word", "direction", "head", "window"),
    "channel-gate": SITE,
    "spatial-gate": SITE,
    "grid": SITE,
    "warped": SITE,
    "mask": (),
    "rollout": ("fusion", "discard", "variant"),
    "gradient-rollout": ("target",),
    "relevance": ("target", "word"),
    "attention-grad-cam": ("target",),
    "legrad": ("target",),
    "grad-cam": ("target",),
    "head-importance": ("target",),
    "dino": ("mass", "head"),
    "positions": ("site", "query", "words"),
    "received": (*SITE, "head"),
    "token-lengths": SITE,
}
"""Every map with the options that change it; naming another one is a mistake that is told."""

VARIANTS = ("abnar", "vit-explain")

MAPS = """\
maps:
  attention           what one token of a layer looks at (--query, --layer, --head,
                      --direction to: what looks at it; --word: what counted for a written word)
  channel-gate        the weight of every channel (SE, ECA, CBAM; --layer)
  spatial-gate        the weight of every place (CBAM; --layer)
  grid                where a spatial transformer reads, as a grid on the photo; its points as .npy
                      (--layer)
  warped              what it reads there (--layer)
  mask                the class of every place, of a network that segments
  rollout             attention through all layers (--fusion, --discard, --variant)
  dino                the patches that hold most of the class token's attention (--mass, --head)
  gradient-rollout, relevance, attention-grad-cam, legrad
                      what counted for a class (--target: a label or its number; by default
                      the predicted one); relevance also for a word that was written (--word)
  grad-cam            the same for a convolutional network (--target)
  positions           how alike one patch's position is to every other's (--query row,col); of
                      words all of them, or one's (--query number; --words: whose); of what is
                      inside a patch: --site of an attention there
  received            how much each patch is looked at by all tokens (--layer, --head)
  token-lengths       how long the token of every patch has become (--layer: after that one)
  head-importance     how much each head matters to the loss of a class (--target)

A network that reads sentences has attention, between all its words unless --query or --word
names one, relevance and positions.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The map and its options."""
    asked = parser.add_argument_group("what is shown")
    asked.add_argument(
        "--map",
        action="append",
        dest="maps",
        metavar="NAME",
        help="see below (rollout; attention for a sentence); may be given more than once",
    )
    asked.add_argument(
        "--layer", type=int, metavar="N", help="from 0, or from the last: -1 (the last)"
    )
    asked.add_argument("--site", metavar="ID", help="instead of a layer: an id as doctor lists it")
    asked.add_argument(
        "--query",
        metavar="TOKEN",
        help="cls, row,column, all, or the number of a token (class token or middle)",
    )
    asked.add_argument(
        "--direction",
        choices=("from", "to"),
        help="from: what the token looks at; to: what looks at it (from)",
    )
    asked.add_argument("--head", metavar="HEAD", help="mean, max, min, all, or a number (mean)")
    asked.add_argument("--window", type=int, metavar="N", help="for --query all in windows")
    asked.add_argument("--target", metavar="CLASS", help="the class of a map for a class")
    asked.add_argument(
        "--word",
        metavar="WORD",
        help="for a network that writes: which of its words, by its place from 0 or as it is "
        "written (0)",
    )
    asked.add_argument(
        "--words",
        choices=("source", "read"),
        help="whose positions: of the sentence that was given, or of the words that the decoder "
        "read (those of the photo, or of the sentence given)",
    )
    add_variant(asked)
    asked.add_argument("--fusion", choices=("mean", "max", "min"), help="of the heads (mean)")
    asked.add_argument(
        "--discard", type=share, metavar="SHARE", help="smallest values set to zero, 0 to 0.99 (0)"
    )
    asked.add_argument(
        "--mass", type=share, metavar="SHARE", help="of the attention that dino keeps (0.6)"
    )


def add_variant(parser: argparse._ActionsContainer) -> None:
    """Whose definition of rollout."""
    parser.add_argument(
        "--variant",
        choices=VARIANTS,
        help="of rollout: Abnar & Zuidema's, or that of the tool vit-explain, which discards nine "
        "tenths (abnar)",
    )


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of 1")
    return value


def each(options: argparse.Namespace, default: str) -> list[argparse.Namespace]:
    """The options of every map that is asked for: its name in `map`, and of the options of maps
    only those that it heeds.

    Ends the command where a map does not exist, or where no map heeds an option that was named.
    """
    maps = list(dict.fromkeys(options.maps or [default]))
    for name in maps:
        if name not in HEEDED:
            raise Stop(
                f"there is no map {name!r}.{meant(name, HEEDED)} Valid: {', '.join(HEEDED)}.", USAGE
            )
    every = dict.fromkeys(name for names in HEEDED.values() for name in names)
    named = [name for name in every if getattr(options, name) is not None]
    for name in named:
        if not any(name in HEEDED[one] for one in maps):
            heeding = [one for one, names in HEEDED.items() if name in names]
            raise Stop(f"--{name} is for {', '.join(heeding)}; not for {', '.join(maps)}.", USAGE)
    _check_names(options)
    return [
        argparse.Namespace(
            **{
                **vars(options),
                **{name: None for name in named if name not in HEEDED[one]},
                "map": one,
            }
        )
        for one in maps
    ]


def _check_names(options: argparse.Namespace) -> None:
    """Ends the command where two options name the same thing."""
    if options.site is not None and options.layer is not None:
        raise Stop("--site and --layer name the same thing; give one of them.", USAGE)
    if options.query is not None and options.word is not None:
        raise Stop("--query and --word name the same thing; give one of them.", USAGE)


def named_site(analysis: Analysis, name: str | None) -> Site | None:
    """The site that --site names, or none; raises UnknownSite, which lists those there are."""
    from fovea.models import records
    from fovea.server.problems import UnknownSite

    if name is None:
        return None
    try:
        return analysis.trace.site(name)
    except records.UnknownSite as error:
        valid = ", ".join(error.known) or "none"
        raise UnknownSite(f"There is no site {name!r}; valid: {valid}.") from error


def site_of(analysis: Analysis, options: argparse.Namespace, kind: str) -> Site:
    """The site of this kind that is asked for; raises a Problem where there is none."""
    from fovea.server.problems import InvalidParameter, MapNotPossible

    if (named := named_site(analysis, options.site)) is not None:
        return named
    sites = [site for site in analysis.trace.sites if site.kind == kind]
    if not sites:
        raise MapNotPossible(f"{analysis.model.id} has no {kind}.")
    layer = -1 if options.layer is None else options.layer
    if not -len(sites) <= layer < len(sites):
        raise InvalidParameter(
            f"layer={layer} does not exist; {analysis.model.id} has {kind} layers 0 to "
            f"{len(sites) - 1}."
        )
    return sites[layer]


def place_of(word: str, words: Sequence[str], model: str) -> int:
    """The place among `words`, from 0, of the one that is named by its place or as it is written;
    the first, where it stands there more than once. Raises InvalidParameter, which lists them.
    """
    from fovea.server.problems import InvalidParameter

    if word.isdecimal() and int(word[:9]) < len(words):
        return int(word)
    folded = [one.casefold() for one in words]
    if word.casefold() in folded:
        return folded.index(word.casefold())
    valid = ", ".join(f"{place} {one}" for place, one in enumerate(words)) or "none"
    raise InvalidParameter(f"word={word[:50]!r} is not there; {model} has the words: {valid}.")


def query_of(analysis: Analysis, site: Site, options: argparse.Namespace) -> str | None:
    """The token that is asked for as the API takes it; of a sentence all, unless one is named."""
    from fovea.server.answers.queries import word_labels
    from fovea.server.problems import InvalidParameter

    if options.word is None:
        all_words = options.query is None and analysis.text is not None
        return "all" if all_words else options.query
    side = options.direction == "to"
    words = word_labels(site, analysis.sentence)[side]
    if words is None:
        fitting = [
            one.id
            for one in analysis.trace.sites
            if one.attends and word_labels(one, analysis.sentence)[side]
        ]
        asked = "keys" if side else "queries"
        raise InvalidParameter(
            f"The {asked} of site {site.id} of {analysis.model.id} are no words; valid with "
            f"--word: {', '.join(fitting) or 'no site of this network'}."
        )
    return str(place_of(options.word, words, f"site {site.id}"))


def written_word(analysis: Analysis, word: str | None) -> int | None:
    """The place of the word that a relevance is for; None if none is named."""
    from fovea.server.problems import InvalidParameter

    if word is None:
        return None
    if analysis.sentence is None:
        raise InvalidParameter(f"{analysis.model.id} writes no words, so --word names nothing.")
    written = [one.text for one in analysis.sentence.words]
    return place_of(word, written, f"what {analysis.model.id} wrote")


async def map_of(engine: Engine, analysis: Analysis, options: argparse.Namespace) -> NamedArray:
    """The values that are asked for; raises a Problem where this network cannot have them."""
    from fovea.server.answers import methods, views

    if options.map == "attention":
        site = site_of(analysis, options, "attention")
        return views.attention(
            analysis,
            site,
            query_of(analysis, site, options),
            options.direction or "from",
            options.head or "mean",
            options.window,
        )
    if options.map in ("channel-gate", "spatial-gate"):
        return views.gate(site_of(analysis, options, options.map))
    if options.map in ("grid", "warped"):
        site = site_of(analysis, options, "spatial-transformer")
        return views.sampling_grid(site) if options.map == "grid" else views.warped(analysis, site)
    if options.map == "mask":
        return views.classes(analysis)
    defaults = methods.Options()
    chosen = methods.Options(
        fusion=options.fusion or defaults.fusion,
        discard=options.discard,
        mass=defaults.mass if options.mass is None else options.mass,
        head=options.head or defaults.head,
        target=options.target,
        variant=options.variant or defaults.variant,
        word=written_word(analysis, options.word),
        query=options.query,
        words=options.words,
        site=site_of(analysis, options, "attention")
        if options.layer is not None
        else named_site(analysis, options.site),
    )
    return (await methods.compute(engine, analysis, options.map, chosen))()
