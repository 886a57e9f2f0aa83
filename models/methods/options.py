"""The options that several maps share, as JSON Schema."""

from __future__ import annotations

from typing import Any

from fovea.models.methods.base import Option


def _option(
    name: str, kind: str, default: Any, description: str, metavar: str, **more: Any
) -> Option:
    types = [kind, "null"] if default is None else kind
    if "enum" in more and default is None:
        more["enum"] = [*more["enum"], None]
    schema = {"type": types, "default": default, "description": description, **more}
    return Option(name, schema, metavar)


SITE = _option(
    "site", "string", None, "id of a site, such as s05; the last that fits if left out", "ID"
)
LAYER = _option(
    "layer",
    "integer",
    None,
    "instead of a site: a layer of its kind from 0, or from the last as -1",
    "N",
)
QUERY = _option(
    "query",
    "string",
    None,
    "cls, row,column, all, or the number of a token; the class token or the middle if left out",
    "TOKEN",
)
DIRECTION = _option(
    "direction",
    "string",
    "from",
    "from: what the token looks at; to: what looks at it",
    "WAY",
    enum=["from", "to"],
)
HEAD = _option("head", "string", "mean", "mean, max, min, all, or the number of a head", "HEAD")
WINDOW = _option(
    "window",
    "integer",
    None,
    "which window, where the site has windows; the middle one if left out",
    "N",
    minimum=0,
)
TARGET = _option(
    "target",
    "string",
    None,
    "the class that the map is for, by its label or number; the predicted one if left out",
    "CLASS",
)
AGAINST = _option(
    "against",
    "string",
    None,
    "a second class, by its label or number: the map for the first class minus the map for this "
    "one, negative where this one counts for more",
    "CLASS",
)
WORD = _option(
    "word",
    "string",
    None,
    "of a network that reads or writes: a word, by its place from 0 or as it is written",
    "WORD",
)
WORDS = _option(
    "words",
    "string",
    None,
    "whose positions: of the sentence that was given (source), or of what the decoder read (read); "
    "of the photo, or of the sentence given, if left out",
    "WHICH",
    enum=["source", "read"],
)
FUSION = _option(
    "fusion",
    "string",
    "mean",
    "how the heads of a layer are fused",
    "HOW",
    enum=["mean", "max", "min"],
)
DISCARD = _option(
    "discard",
    "number",
    None,
    "share of each layer's smallest values that is set to zero; 0 if left out, 0.9 for the variant "
    "vit-explain",
    "SHARE",
    minimum=0,
    maximum=0.99,
)
VARIANT = _option(
    "variant",
    "string",
    "abnar",
    "as Abnar & Zuidema define it, or as the tool vit-explain does",
    "WHOSE",
    enum=["abnar", "vit-explain"],
)
MASS = _option(
    "mass",
    "number",
    0.6,
    "share of the attention that is kept",
    "SHARE",
    exclusiveMinimum=0,
    maximum=1,
)
