"""The description of a map. Each file of this folder with a `METHOD` is one map.

Neither this module nor the top level of such a file imports torch: the command line reads the
registry for its help.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fovea.models.closest import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fovea.models.places.layout import Layouts
    from fovea.models.records import Map, Site, Trace
    from fovea.models.running.tasks import Mask, Sentence

Claim = Literal[
    "attention map",
    "gate",
    "sampling grid",
    "saliency",
    "mask",
    "position similarity",
    "token length",
    "picture",
]
"""What kind of statement a map makes; a saliency explains the answer, not the attention."""


# Options ------------------------------------------------------------------------------------------


class BadOption(ValueError):
    """An unknown option or an invalid value.

    hint: what to do · limit, actual: the limit that was exceeded, and the actual number.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        limit: float | None = None,
        actual: float | None = None,
        valid: Iterable[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.hint, self.limit, self.actual = hint, limit, actual
        self.valid = None if valid is None else list(valid)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a map.

    schema: JSON Schema, with a default and a description. metavar: the value's name in command-line
    help.
    """

    name: str
    schema: Mapping[str, Any]
    metavar: str = "VALUE"

    @property
    def default(self) -> Any:
        return self.schema["default"]

    @property
    def types(self) -> tuple[str, ...]:
        named = self.schema["type"]
        return (named,) if isinstance(named, str) else tuple(named)

    def read(self, given: object) -> Any:
        """Parses a value from text or JSON; raises BadOption if it violates the schema."""
        if given is None and "null" in self.types:
            return None
        value = self._converted(given)
        if "enum" in self.schema and value not in self.schema["enum"]:
            valid = [str(one) for one in self.schema["enum"] if one is not None]
            raise BadOption(
                f"{self.name}={str(given)[:50]!r} does not exist; valid: {', '.join(valid)}."
                f"{did_you_mean(str(given), valid)}",
                valid=valid,
            )
        if isinstance(value, int | float):
            self._check_range(value)
        return value

    def _converted(self, given: object) -> Any:
        if "string" in self.types:
            if isinstance(given, str | int) and not isinstance(given, bool):
                return str(given)
        elif not isinstance(given, bool) and isinstance(given, str | int | float):
            try:
                return _whole(given) if "integer" in self.types else _finite(given)
            except ValueError:
                pass
        kind = next(name for name in self.types if name != "null")
        raise BadOption(f"{self.name}={str(given)[:50]!r} is no {kind}.")

    def _check_range(self, value: float) -> None:
        least, most = self.schema.get("minimum"), self.schema.get("maximum")
        above = self.schema.get("exclusiveMinimum")
        low = least if least is not None else above
        fits = (
            (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
        )
        if not fits:
            span = f"{low} to {most}" if most is not None else f"{low} or more"
            without = f", {above} itself not" if above is not None else ""
            limit = most if most is not None and value > most else low
            raise BadOption(
                f"{self.name}={value} is out of range; valid: {span}{without}.",
                limit=limit,
                actual=value,
            )


def _whole(given: str | float) -> int:
    if isinstance(given, float):
        raise ValueError(given)
    return int(given)


def _finite(given: str | float) -> float:
    value = float(given)
    if not math.isfinite(value):
        raise ValueError(given)
    return value


# Sentences ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phrase:
    """A translatable sentence: a key, its parameters and the English.

    english: with {names} of the parameters.
    """

    key: str
    english: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.english.format(**self.parameters)


# Input and result of a map ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Pass:
    """A network and its input, for what only further passes can tell.

    inputs: (1, channel, height, width) or (1, word) · words: (1, word), the decoder's input, for a
    network that writes · classes: their number, None if it does not classify.
    """

    module: nn.Module
    inputs: Tensor
    layouts: Layouts
    trace: Trace
    words: Tensor | None = None
    classes: int | None = None


Probe = Callable[[Pass], Any]
"""Determines a fact about a network that its trace does not show; may raise NotPossible."""


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """The input of maps: the result of one pass of one network over a photo or sentence.

    name: of the network, for sentences · labels: of its classes · predicted: the most probable
    class, None if it does not classify · sentence, mask: its answer otherwise · normalisation:
    (mean, std) of each channel of a photo · learned: results of the probes, or the NotPossible that
    they raised.
    """

    trace: Trace
    name: str
    reads_photo: bool = True
    labels: tuple[str, ...] | None = None
    predicted: int | None = None
    sentence: Sentence | None = None
    mask: Mask | None = None
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    learned: Mapping[Probe, Any] = field(default_factory=dict)

    def ask(self, probe: Probe) -> Any:
        """The result of a probe; raises what it raised, or NotLearned if it never ran."""
        from fovea.models.maps.propagation import NotLearned

        if probe not in self.learned:
            raise NotLearned
        found = self.learned[probe]
        if isinstance(found, Exception):
            raise found
        return found

    def label(self, index: int) -> str:
        """The name of a class, or its number where it has none."""
        known = self.labels is not None and index < len(self.labels)
        return self.labels[index] if known and self.labels is not None else f"class {index}"


Options = Mapping[str, Any]
"""Every option of the map by name, parsed."""


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """A finished map. about: parameters and further facts for the client · name: of its values ·
    on_photo: whether (row, column) are cells on the network's input.
    """

    map: Map
    about: Mapping[str, Any] = field(default_factory=dict)
    name: str = "values"
    more: Mapping[str, tuple[Tensor, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def on_photo(self) -> bool:
        return self.map.axes[-2:] == ("row", "column") and self.map.axes[:1] != ("channel",)


@dataclass(frozen=True, eq=False, slots=True)
class Ask:
    """A map that requires further passes of the network.

    run: makes them · then: computes the map from their result · key: what they depend on besides
    the photo · of_network: they do not depend on the photo.
    """

    key: str
    run: Callable[[nn.Module, Tensor, Layouts], Any]
    then: Callable[[Any], Made]
    of_network: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Method:
    """The description of a map.

    name: in addresses and on the command line · title: on a button · summary: for a list, without a
    full stop · claim: what kind of statement it makes · equation, paper: its definition · options ·
    check: raises NotPossible if the subject, or the given site, does not support it; it may look at
    shapes only, never at values, because its answer is cached for other photos · make: computes it
    from parsed options · sentence: what it shows by default for a subject that supports it, cached
    likewise unless the map is for_class · probe: the fact about the network that `check` needs ·
    for_class: whether it is for a class or word of the answer · kinds: of the sites for which it
    can be requested individually; empty if it is for the whole network · on_photo: whether its
    values are positions · order: position in lists, smallest first · first: priority as the default
    map, smallest first; None if it is never the default.
    """

    name: str
    title: str
    summary: str
    claim: Claim
    equation: str
    paper: str
    check: Callable[[Subject, Site | None], None]
    make: Callable[[Subject, Options], Made | Ask]
    sentence: Callable[[Subject], Phrase]
    options: tuple[Option, ...] = ()
    probe: Probe | None = None
    for_class: bool = False
    kinds: tuple[str, ...] = ()
    on_photo: bool = True
    order: int = 1000
    first: int | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The options as a JSON Schema."""
        return {
            "type": "object",
            "properties": {option.name: dict(option.schema) for option in self.options},
            "additionalProperties": False,
        }

    def read(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Every option with its value or default.

        given: text, or JSON values. Raises BadOption for an unknown option or an invalid value.
        """
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                taken = ", ".join(known) or "no options"
                raise BadOption(
                    f"{self.name} takes no {name[:50]!r}; it takes {taken}."
                    f"{did_you_mean(name, known)}",
                    valid=known,
                )
        return {
            name: option.read(given[name]) if name in given else option.default
            for name, option in known.items()
        }

    def reason(self, subject: Subject, site: Site | None = None) -> Phrase | None:
        """Why the subject, or the given site, does not support this map; None if it does."""
        from fovea.models.maps.propagation import NotPossible

        try:
            self.check(subject, site)
        except NotPossible as error:
            return refusal(subject, error)
        return None


def refusal(subject: Subject, error: Exception) -> Phrase:
    """The sentence of a NotPossible about a subject."""
    parameters = {"model": subject.name, **getattr(error, "parameters", {})}
    told = str(error).replace("{", "{{").replace("}", "}}")
    return Phrase(getattr(error, "key", "not-possible"), f"{{model}}: {told}.", parameters)
