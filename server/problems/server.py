"""Problems of the server."""

# ruff: noqa: D101 (a problem is explained by its title and hint)

from __future__ import annotations

from fovea.server.problems.base import Problem

__all__ = [
    "CacheFull",
    "CorruptWeights",
    "DiskFull",
    "DownloadCancelled",
    "DownloadsRefused",
    "Internal",
    "InvalidModelFile",
    "JobCancelled",
    "JobInterrupted",
    "ModelNotLocal",
    "NotReady",
    "OutOfMemory",
    "QueueFull",
    "RateLimited",
    "ReplicaLost",
    "ShuttingDown",
    "StoreUnavailable",
    "Unable",
    "UnsuitableModel",
]


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
    hint = "Try again: another process will answer."
    retry_after_s = 1


class StoreUnavailable(Unable):
    slug, title = "store-unavailable", "The photo store does not answer"
    hint = "Try again in a moment; if it persists, tell the operator of this server."
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
    hint = "Choose a model that is ready, or ask the operator of the server (FOVEA_DOWNLOADS)."


class CacheFull(Unable):
    status = 507
    slug, title = "cache-full", "The folder of downloaded weights is full"
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
    hint = "The partial file is kept; the next download resumes it."


class JobCancelled(Unable):
    slug, title = "job-cancelled", "The work was cancelled"
    hint = "Request it again; its partial results were not kept."


class JobInterrupted(Unable):
    slug, title = "job-interrupted", "The server stopped before the work was done"
    hint = "POST it again; finished parts are kept."


class Internal(Unable):
    status = 500
    slug, title = "internal", "Something went wrong in the server"
    hint = "The server's log has the cause under this request id."
