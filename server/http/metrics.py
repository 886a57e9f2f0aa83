"""What Prometheus may know: counts and times, no photo, no name of one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fovea.server.engine.engine import Engine
from fovea.server.engine.inference import Outcome

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """A registry of its own, so that two servers in one process count apart."""

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
        self.queue = Histogram(
            "fovea_queue_seconds", "Time a photo waited for one", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def watch(self, engine: Engine) -> None:
        """Read the engine's state whenever Prometheus asks."""
        store = engine.store
        gauges = {
            "fovea_analyses_kept": ("Analyses in memory", lambda: len(store)),
            "fovea_analyses_bytes": ("Memory of kept analyses", lambda: store.nbytes),
            "fovea_analyses_evicted": ("Analyses dropped for room", lambda: store.evictions),
            "fovea_photos_admitted": ("Photos in work", lambda: engine.admitted),
            "fovea_photos_waiting": ("Photos in the queue", lambda: engine.inference.waiting),
            "fovea_ready": ("Whether it can answer", lambda: engine.not_ready is None),
        }
        for name, (text, read) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(read)
        engine.on_outcome = self._observe

    def _observe(self, outcome: Outcome) -> None:
        self.forward.observe(outcome.forward_ms / 1000)
        self.queue.observe(outcome.queue_ms / 1000)

    def text(self) -> bytes:
        return generate_latest(self.registry)
