"""Problems of the photo or sentence."""

# ruff: noqa: D101 (a problem is explained by its title and hint)

from __future__ import annotations

from fovea.server.problems.base import Problem

__all__ = [
    "BadAspect",
    "BadPhoto",
    "BadText",
    "CorruptImage",
    "EmptyImage",
    "MissingImage",
    "MissingText",
    "TextTooLong",
    "TooManyPixels",
    "TruncatedImage",
    "UnknownWords",
    "UnsafeCheckpoint",
    "UnsupportedFormat",
    "WrongInput",
]


class BadPhoto(Problem):
    status = 422


class MissingImage(BadPhoto):
    slug, title = "missing-image", "No photo in the request"
    hint = "Send a form with a file part named 'image', or the photo itself as image/*."


class EmptyImage(BadPhoto):
    slug, title = "empty-image", "The photo has no bytes"
    hint = "Check that the file was read before it was sent."


class UnsupportedFormat(BadPhoto):
    status = 415
    slug, title = "unsupported-format", "Not a photo format that is accepted here"
    hint = "Convert the picture to one of the accepted formats, for example JPEG or PNG."


class TruncatedImage(BadPhoto):
    slug, title = "truncated-image", "The photo ends too early"
    hint = "The file is incomplete: copy or download it again."


class CorruptImage(BadPhoto):
    slug, title = "corrupt-image", "The photo is damaged"
    hint = "Open the picture in an image editor and save it again."


class TooManyPixels(BadPhoto):
    slug, title = "too-many-pixels", "The photo has too many pixels"
    hint = "Make the picture smaller; networks look at a few hundred pixels a side."


class BadAspect(BadPhoto):
    slug, title = "bad-aspect", "The photo is too long and thin"
    hint = "Crop the picture."


class UnsafeCheckpoint(BadPhoto):
    status = 415
    slug, title = "unsafe-checkpoint", "A pickle, which can run code when it is opened"
    hint = (
        "Weights are taken as safetensors, from the server's folders only. Convert them with: "
        "fovea convert weights.pth weights.safetensors"
    )


class BadText(Problem):
    status = 422


class MissingText(BadText):
    slug, title = "missing-text", "No sentence in the request"
    hint = 'Send {"model": …, "text": …} as application/json, or a form with the field text.'


class UnknownWords(BadText):
    slug, title = "unknown-words", "The sentence has words that the model does not know"


class TextTooLong(BadText):
    slug, title = "text-too-long", "The sentence is too long for the model"
    hint = "Send fewer words."


class WrongInput(BadText):
    slug, title = "wrong-input", "The model reads something else"
