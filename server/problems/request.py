"""Problems of the request."""

# ruff: noqa: D101 (a problem is explained by its title and hint)

from __future__ import annotations

from fovea.server.problems.base import Problem

__all__ = [
    "BadRequest",
    "CrossSite",
    "EditRefused",
    "ForeignHost",
    "InvalidParameter",
    "MalformedBody",
    "MapNotPossible",
    "MethodNotAllowed",
    "NoProjections",
    "NotAcceptable",
    "NotYours",
    "TooLarge",
    "TooLargeForJson",
    "Unauthorised",
    "UploadTimeout",
]


class BadRequest(Problem):
    status = 400


class MalformedBody(BadRequest):
    slug, title = "malformed-body", "The request body cannot be read"
    hint = "Send well-formed multipart/form-data, or the photo itself as image/*."


class TooLarge(BadRequest):
    status = 413
    slug, title = "too-large", "The upload is too large"
    hint = "Make the picture smaller or compress it."


class UploadTimeout(BadRequest):
    status = 408
    slug, title = "upload-timeout", "The upload took too long"
    hint = "Try again on a faster connection, or with a smaller picture."


class InvalidParameter(BadRequest):
    status = 422
    slug, title = "invalid-parameter", "A parameter is not valid"


class NotAcceptable(BadRequest):
    status = 406
    slug, title = "not-acceptable", "None of the accepted representations exists"


class TooLargeForJson(BadRequest):
    status = 406
    slug, title = "too-large-for-json", "The array is too large for JSON"
    hint = "Ask for it as application/x-npy or application/vnd.safetensors with the Accept header."


class NoProjections(BadRequest):
    status = 409
    slug, title = "no-projections", "The rows do not follow from queries and keys alone"
    hint = "Ask for the whole matrix: attention?query=all&head=all with Accept: application/x-npy."


class EditRefused(BadRequest):
    status = 422
    slug, title = "edit-refused", "The edit is not valid here"


class MapNotPossible(BadRequest):
    status = 409
    slug, title = "map-not-possible", "This network has no such map"
    hint = "Choose another map, or a network whose attention runs over patches."


class MethodNotAllowed(BadRequest):
    status = 405
    slug, title = "method-not-allowed", "This address does not support that method"


class ForeignHost(BadRequest):
    status = 421
    slug, title = "foreign-host", "This server does not answer to that host name"
    hint = "Add the name to FOVEA_ALLOWED_HOSTS if it should."


class CrossSite(BadRequest):
    status = 403
    slug, title = "cross-site", "Another site may not do this"
    hint = "Use the server's own page, or a client that is not a browser."


class Unauthorised(BadRequest):
    status = 401
    slug, title = "unauthorised", "A token is needed"
    hint = "Send the header Authorization: Bearer <the server's FOVEA_TOKEN>."


class NotYours(BadRequest):
    status = 403
    slug, title = "not-yours", "Only the maker of this may do that"
    hint = "Send the header Fovea-Key that came with it, or the server's token."
