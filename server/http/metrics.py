"""Prometheus metrics: counts and times, never a photo or its name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fovea.server.engine.engine import Engine

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """A separate registry, so that two servers in one process count separately."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fovea_requests", "Answers", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "fovea_request_seconds", "Time to answer", ["route"], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.forward = Histogram(
            "fovea_forward_seconds", "Time of a forward pass", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.batch = Histogram(
            "fovea_batch_size", "Photos in one forward pass", buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )  # fmt: skip
        self.queue = Histogram(
            "fovea_queue_seconds", "Time a photo waited for one", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def watch(self, engine: Engine) -> None:
        """Reads the engine's state whenever Prometheus scrapes."""
        store = engine.store
        gauges = {
            "fovea_analyses_kept": ("Analyses in memory", lambda: len(store)),
            "fovea_analyses_bytes": ("Memory of kept analyses", lambda: store.nbytes),
            "fovea_analyses_evicted": ("Analyses dropped for room", lambda: store.evictions),
            "fovea_photos_admitted": ("Passes in work or waiting", lambda: engine.admitted),
            "fovea_answers_under_way": ("Answers being made", lambda: engine.answers.taken),
            "fovea_passes_running": ("Passes under way", lambda: engine.inference.running),
            "fovea_work_bytes": ("Memory of work in flight", lambda: engine.work.held),
            "fovea_upload_bytes": ("Memory of uploads on their way", lambda: engine.uploads.held),
            "fovea_photos_waiting": ("Photos in the queue", lambda: engine.inference.waiting),
            "fovea_ready": ("Whether it can answer", lambda: engine.not_ready is None),
        }
        for name, (text, read) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(read)
        abandoned = Gauge(
            "fovea_abandoned_passes", "Passes given up because nobody waited any more", ["when"],
            registry=self.registry,
        )  # fmt: skip
        counts = engine.inference.abandoned
        for when in ("queued", "running"):
            abandoned.labels(when).set_function(partial(counts.__getitem__, when))
        refused = Gauge(
            "fovea_refused_requests", "Requests refused with 429", ["by"], registry=self.registry
        )
        for by, queue in {
            "queue": engine.places,
            "answers": engine.answers,
            "work": engine.work,
            "uploads": engine.uploads,
        }.items():
            refused.labels(by).set_function(partial(getattr, queue, "refused"))
        engine.inference.on_pass = self._observe

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; methods or statuses that a client made up count as `other`."""
        method = method if method in METHODS else "other"
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(route).observe(seconds)

    def _observe(self, seconds: float, waited: Sequence[float]) -> None:
        self.forward.observe(seconds)
        self.batch.observe(len(waited))
        for each in waited:
            self.queue.observe(each)

    def text(self) -> bytes:
        return generate_latest(self.registry)
