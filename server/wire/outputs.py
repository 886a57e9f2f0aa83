"""The JSON of answers other than classes: a mask or words."""

# ruff: noqa: D101 (a small schema is explained by its fields)

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fovea.models.running.tasks import Mask, Output


class Schema(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Word(Schema):
    """Word t, which row t of the decoder's attention belongs to."""

    index: int = Field(description="in the model's labels")
    text: str
    score: float = Field(description="its probability at its place")
    likeliest: str = Field(description="the word that the network finds likeliest at this place")
    likeliest_score: float = Field(description="its probability")


class CaptionOutput(Schema):
    kind: Literal["caption"]
    text: str
    words: list[Word]
    beams: int = Field(description="how many beginnings were followed at once")
    no_repeat_ngram: int = Field(
        0, description="so many words were kept from standing twice in the same order; 0: none"
    )
    cut: bool = Field(False, description="stopped at the most words, before its end")
    repeated: str | None = Field(None, description="three words that it says more than once")


class SequenceOutput(Schema):
    kind: Literal["sequence"]
    source: list[str] = Field(description="the words that were read")
    text: str
    words: list[Word]
    beams: int = Field(description="how many beginnings were followed at once")
    no_repeat_ngram: int = Field(
        0, description="so many words were kept from standing twice in the same order; 0: none"
    )
    cut: bool = Field(False, description="stopped at the most words, before its end")
    repeated: str | None = Field(None, description="three words that it says more than once")


class MaskClass(Schema):
    index: int
    label: str
    share: float = Field(description="of the area that the network saw")
    colour: str = Field(description="that the mask's pictures give it, #rrggbb")


class MaskOutput(Schema):
    kind: Literal["mask"]
    classes: list[MaskClass]
    href: str


class MaskCounts(Schema):
    """The JSON of GET …/mask."""

    sentence: str
    axes: list[str]
    shape: list[int]
    classes: list[MaskClassCount]


class MaskClassCount(MaskClass):
    count: int = Field(description="places of this class")


PALETTE = ("#5f6368", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Grey for the first class, the background; then eight colours that are distinguishable with colour
blindness (Okabe and Ito 2008), repeated.
"""


def colour_of(index: int) -> str:
    """The colour of a class in a mask's pictures."""
    return PALETTE[0] if index == 0 else PALETTE[1 + (index - 1) % (len(PALETTE) - 1)]


def output(
    found: Output | None, analysis: str
) -> CaptionOutput | MaskOutput | SequenceOutput | None:
    """The `output` of an analysis at the address `analysis`."""
    if found is None:
        return None
    if isinstance(found, Mask):
        total = sum(found.counts)
        classes = [
            MaskClass(index=i, label=label, share=count / total, colour=colour_of(i))
            for i, (label, count) in enumerate(zip(found.labels, found.counts, strict=True))
        ]
        return MaskOutput(kind="mask", classes=classes, href=f"{analysis}/mask")
    searched: dict[str, Any] = {
        "beams": found.search.beams,
        "no_repeat_ngram": found.search.no_repeat_ngram,
        "cut": found.cut,
        "repeated": found.repeated,
    }
    words = [
        Word(
            index=w.index,
            text=w.text,
            score=w.score,
            likeliest=w.likeliest,
            likeliest_score=w.likeliest_score,
        )
        for w in found.words
    ]
    if found.source:
        return SequenceOutput(
            kind="sequence",
            source=list(found.source),
            text=found.text,
            words=words,
            **searched,
        )
    return CaptionOutput(
        kind="caption",
        text=found.text,
        words=words,
        **searched,
    )


def mask_counts(found: Mask) -> MaskCounts:
    """The fraction of the picture that each class covers."""
    total = sum(found.counts)
    return MaskCounts(
        sentence=mask_sentence(found),
        axes=["row", "column"],
        shape=list(found.classes.shape),
        classes=[
            MaskClassCount(
                index=i, label=label, share=count / total, colour=colour_of(i), count=count
            )
            for i, (label, count) in enumerate(zip(found.labels, found.counts, strict=True))
        ],
    )


def mask_sentence(found: Mask) -> str:
    """The mask in words: the largest classes and their fractions of the picture."""
    total = sum(found.counts)
    shares = sorted(zip(found.counts, found.labels, strict=True), reverse=True)[:4]
    named = ", ".join(f"{label} {count / total:.0%}" for count, label in shares if count)
    return f"The most probable class at every place: {named}"
