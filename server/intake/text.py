"""Sentence of a request → words that the network knows, or a problem that lists those."""

from __future__ import annotations

from fovea.models.catalog.spec import ModelSpec
from fovea.models.running import tasks
from fovea.server.intake.given import Given, Text
from fovea.server.intake.imaging import Photo
from fovea.server.problems import MissingText, TextTooLong, UnknownWords, WrongInput

LISTED = 200
"""Number of known words that a problem lists; all are in the model's card."""


def given_to(spec: ModelSpec, sent: Photo | str) -> Given:
    """The input as this network reads it; raises WrongInput for the wrong kind of input."""
    reads = tasks.task_of(spec.task).reads
    if isinstance(sent, Photo):
        if reads == "photo":
            return sent
        raise WrongInput(
            f"{spec.id} reads a sentence, and a photo was sent.",
            hint='Send {"model": …, "text": …} as application/json, or a form with the field text.',
        )
    if reads == "text":
        return parse(sent, spec)
    raise WrongInput(
        f"{spec.id} looks at a photo, and a sentence was sent.",
        hint="Send a form with a file part named 'image', or the photo itself as image/*.",
    )


def parse(text: str, spec: ModelSpec) -> Text:
    """The words of a sentence; raises for unknown words and for too many."""
    labels = spec.labels or ()
    if (read := spec.card.get("source_words")) is not None:
        labels = labels[: tasks.FIRST_WORD + read]
    known = labels[tasks.FIRST_WORD : tasks.FIRST_WORD + LISTED]
    kind = "letters" if tasks.spelled(labels) else "words"
    listed = f"{spec.id} knows the {kind}: {' '.join(known)}{' …' if len(known) == LISTED else ''}"
    try:
        words = tasks.words_of(text, labels)
    except tasks.UnknownWords as error:
        strange = ", ".join(repr(word[:30]) for word in error.words[:10])
        raise UnknownWords(
            f"{spec.id} does not know {strange}.", hint=listed, known=list(known)
        ) from error
    if not words:
        raise MissingText("The sentence has no words.", hint=listed)
    longest = spec.card.get("longest") or tasks.LONGEST_SOURCE
    if len(words) > longest:
        raise TextTooLong(
            f"The sentence has {len(words)} {kind}; {spec.id} reads {longest} at most.",
            limit=longest,
            actual=len(words),
        )
    return Text(" ".join(text.split()), words)
