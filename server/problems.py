"""Every error a client can meet, as one tree; each leaf is one `/problems/<slug>` page.

    Problem
    ├── BadPhoto          the bytes are no photo that can be analysed
    │   ├── MissingImage · EmptyImage · UnsupportedFormat · TruncatedImage · CorruptImage
    │   └── TooManyPixels · BadAspect · UnsafeCheckpoint
    ├── BadText           the sentence is none that can be analysed
    │   └── MissingText · UnknownWords · TextTooLong · WrongInput
    ├── BadRequest        the request is at fault
    │   ├── MalformedBody · TooLarge · UploadTimeout · InvalidParameter
    │   ├── NotAcceptable · TooLargeForJson · NoProjections · MapNotPossible · MethodNotAllowed
    │   ├── EditRefused
    │   └── ForeignHost · CrossSite · Unauthorised · NotYours
    ├── Missing           the thing asked for is not here
    │   ├── NotFound · UnknownModel · UnknownAnalysis · AnalysisGone · UnknownJob · UnknownResult
    │   └── UnknownSite · WrongKind · UnknownMap · UnknownFigure · UnknownProblem
    └── Unable            the server cannot, for now
        ├── RateLimited · QueueFull · NotReady · ShuttingDown · ReplicaLost · StoreUnavailable
        ├── OutOfMemory · DiskFull
        ├── ModelNotLocal · CorruptWeights · UnsuitableModel · InvalidModelFile
        ├── DownloadsRefused · DownloadCancelled · JobCancelled · JobInterrupted
        └── CacheFull · Internal

`detail` is written for the person who reads it: no path, no stack trace, and what to do in `hint`.
Rendered as RFC 9457 problem details.
"""

# ruff: noqa: D101 (a problem is explained by its title and hint)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class Problem(Exception):
    """Something that ends a request, with what the client may know about it."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = ""
    title: ClassVar[str] = ""
    hint: str | None = None
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        limit: float | None = None,
        actual: float | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint if hint is not None else type(self).hint
        self.limit, self.actual = limit, actual
        self.headers = dict(headers or {})
        if self.retry_after_s is not None:
            self.headers.setdefault("Retry-After", str(self.retry_after_s))
        self.extra = extra

    def body(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the problem details object, absent ones left out."""
        members = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            "limit": self.limit,
            "actual": self.actual,
            "hint": self.hint,
            **self.extra,
        }
        return {name: value for name, value in members.items() if value is not None}


def leaves(branch: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every kind of problem that can be raised, in the order of the tree."""
    for kind in branch.__subclasses__():
        if kind.slug:
            yield kind
        yield from leaves(kind)


# The photo --------------------------------------------------------------------------------------


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


# The sentence -----------------------------------------------------------------------------------


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


# The request ------------------------------------------------------------------------------------


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
    slug, title = "edit-refused", "An edit that makes no sense here"


class MapNotPossible(BadRequest):
    status = 409
    slug, title = "map-not-possible", "This network has no such map"
    hint = "Choose another map, or a network whose attention runs over patches."


class MethodNotAllowed(BadRequest):
    status = 405
    slug, title = "method-not-allowed", "This address does not answer to that method"


class ForeignHost(BadRequest):
    status = 421
    slug, title = "foreign-host", "This server does not answer to that host name"
    hint = "Add the name to FOVEA_ALLOWED_HOSTS if it is meant to."


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
    slug, title = "not-yours", "Only who made this may do that"
    hint = "Send the header Fovea-Key that came with it, or the server's token."


# What is asked for ------------------------------------------------------------------------------


class Missing(Problem):
    status = 404


class NotFound(Missing):
    slug, title = "not-found", "There is nothing at this address"
    hint = "The addresses are listed at /docs."


class UnknownModel(Missing):
    slug, title = "unknown-model", "There is no model of that name"
    hint = "GET /v1/models lists the models; GET /v1/models?search= finds more."


class UnknownAnalysis(Missing):
    slug, title = "unknown-analysis", "There is no analysis of that name"
    hint = "POST the photo to /v1/analyses; it was never here, or was forgotten."


class AnalysisGone(Missing):
    status = 410
    slug, title = "analysis-gone", "The analysis had to make room for newer ones"
    hint = "POST the same photo and model to /v1/analyses again: it will have the same id."


class UnknownJob(Missing):
    slug, title = "unknown-job", "There is no job of that name"
    hint = "Long-finished jobs are forgotten; without a photo store all are, with the server."


class UnknownResult(Missing):
    slug, title = "unknown-result", "No such result is kept"
    hint = "POST the question again; the job that answers it says where its result is."


class UnknownSite(Missing):
    slug, title = "unknown-site", "The network has no such site"


class WrongKind(Missing):
    slug, title = "wrong-kind", "The site is of another kind"


class UnknownMap(Missing):
    slug, title = "unknown-map", "There is no map of that name"


class UnknownFigure(Missing):
    slug, title = "unknown-figure", "There is no figure of that name"


class UnknownProblem(Missing):
    slug, title = "unknown-problem", "There is no problem of that name"


# The server -------------------------------------------------------------------------------------


class Unable(Problem):
    status = 503


class RateLimited(Unable):
    status = 429
    slug, title = "rate-limited", "Too many requests"
    hint = "Send fewer requests a minute; Retry-After says when the next one may come."
    retry_after_s = 1


class QueueFull(Unable):
    status = 429
    slug, title = "queue-full", "Too many photos are waiting"
    hint = "Try again in a moment."
    retry_after_s = 1


class NotReady(Unable):
    slug, title = "not-ready", "The server is still starting"
    hint = "Try again in a moment."
    retry_after_s = 1


class ShuttingDown(Unable):
    slug, title = "shutting-down", "The server is stopping"
    retry_after_s = 5


class ReplicaLost(Unable):
    slug, title = "replica-lost", "The process that worked on this has ended"
    hint = "Ask again: another process answers."
    retry_after_s = 1


class StoreUnavailable(Unable):
    slug, title = "store-unavailable", "The photo store does not answer"
    hint = "Try again in a moment; if it stays, tell whoever runs this server."
    retry_after_s = 5


class OutOfMemory(Unable):
    slug, title = "out-of-memory", "Not enough memory for this network and photo"
    hint = "Try again when fewer photos are being analysed, or choose a smaller network."
    retry_after_s = 5


class DiskFull(Unable):
    status = 507
    slug, title = "disk-full", "The server's disk is full"
    hint = "Free some space in the folder FOVEA_CACHE_DIR."


class ModelNotLocal(Unable):
    slug, title = "model-not-local", "The model's weights are not on this machine"


class DownloadsRefused(Unable):
    status = 403
    slug, title = "downloads-refused", "This server does not download that model"
    hint = "Choose a model that is ready, or ask whoever runs the server (FOVEA_DOWNLOADS)."


class CacheFull(Unable):
    status = 507
    slug, title = "cache-full", "The server keeps as many weights as it may"
    hint = "Remove some from the folder FOVEA_CACHE_DIR, or raise FOVEA_CACHE_BUDGET_BYTES."


class CorruptWeights(Unable):
    status = 422
    slug, title = "corrupt-weights", "The model's weights are damaged and were not loaded"
    hint = "Supply the file again."


class UnsuitableModel(Unable):
    status = 422
    slug, title = "unsuitable-model", "The network could not be run on a photo"
    hint = "Choose another model."


class InvalidModelFile(Unable):
    slug, title = "invalid-model-file", "The model's description cannot be used"
    hint = "Correct the file in the folder FOVEA_MODELS_DIR; docs/models-folder.md says how."


class DownloadCancelled(Unable):
    slug, title = "download-cancelled", "The download was cancelled"
    hint = "What came so far is kept; the next download goes on from there."


class JobCancelled(Unable):
    slug, title = "job-cancelled", "The work was cancelled"
    hint = "Ask for it again; what it had found was not kept."


class JobInterrupted(Unable):
    slug, title = "job-interrupted", "The server stopped before the work was done"
    hint = "POST it again; what is done already is kept."


class Internal(Unable):
    status = 500
    slug, title = "internal", "Something went wrong in the server"
    hint = "The server's log has the cause under this request id."
