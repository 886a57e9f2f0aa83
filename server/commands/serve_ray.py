"""`fovea serve --ray`: the same server as replicas of Ray Serve."""

from __future__ import annotations

import os
import signal
import threading
from importlib.util import find_spec

from fovea.server.cluster.options import Options, replicas_of, shared
from fovea.server.settings import Settings, SettingsError


def serve_from_ray(settings: Settings, replicas: str | None, address: str | None) -> None:
    """Serves until stopped; raises SettingsError."""
    if find_spec("ray") is None:
        raise SettingsError(
            '--ray: Ray is not installed; pip install "fovea-microscope[ray]" does that.'
        )
    settings = shared(settings)
    options = _options(settings, replicas)
    # Usage statistics are the user's choice; Ray reads this when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from fovea.server.cluster import ray_serve

    print(f"Fovea is starting on Ray at http://{settings.host}:{settings.port}/", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        ray_serve.start(settings, options, address)
        print(f"  {options.fewest} to {options.most} replicas; stop with Ctrl+C", flush=True)
        stopped.wait()
    finally:
        ray_serve.stop()


def _options(settings: Settings, replicas: str | None) -> Options:
    """One replica for each core or GPU, unless options say otherwise."""
    import torch

    on_gpu = settings.device.startswith("cuda") or (
        settings.device == "auto" and torch.cuda.is_available()
    )
    cores = os.cpu_count() or 1
    here = torch.cuda.device_count() if on_gpu else cores
    try:
        fewest, most = replicas_of(replicas or str(max(1, here)))
    except ValueError:
        raise SettingsError(f"--replicas: 3 or 1-4 is meant, not {replicas!r}.") from None
    each = max(1, cores // most)
    return Options.of(
        {"fewest": fewest, "most": most, "cores": min(each, cores), "gpus": float(on_gpu)}
    )
