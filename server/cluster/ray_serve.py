"""The application on Ray Serve: Ray's proxies accept requests, each replica is a full server.

Replicas share the photo store, and with it ids, jobs and results, so any replica can answer any
request and recompute what it lacks. Requests about one analysis go to the same replica while it is
alive (routing.py), so recomputing is rare. Ray manages the processes: starting and replacing them,
autoscaling (`autoscaling_config`), and rejecting overload (`max_queued_requests`), in addition to
each replica's own limits. Errors of Ray itself become problem details (proxy.py).

A config file names `fovea.server.cluster.ray_serve:application` and gives Options as `args`;
settings then come from the environment of the replicas (`runtime_env`).
"""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig, RequestRouterConfig
from starlette.types import ASGIApp

from fovea.server.cluster import proxy
from fovea.server.cluster.options import (
    APPLICATION,
    REQUESTS_A_PLACE,
    RETRY_AFTER_S,
    Options,
    shared,
)
from fovea.server.settings import Settings, load

AVERAGED_OVER_S = 15.0
"""Window of the load that autoscaling sees; longer than Ray's interval between reports, 10 s."""
HEALTH_EVERY_S = 5.0
"""Interval of Ray's health checks; a dead replica is noticed within one interval."""


def application(args: dict[str, Any]) -> serve.Application:
    """Entry point for `serve deploy`; settings come from the environment."""
    return bound(load(), Options.of(args))


def bound(settings: Settings, options: Options) -> serve.Application:
    """The application with its limits, for `serve.run`; raises SettingsError without a store."""
    settings = shared(settings)

    def build() -> ASGIApp:
        """Runs once in each replica."""
        from fovea.server.app import create_app

        return create_app(settings)

    replica = serve.ingress(build)(type("Replica", (), {}))
    fixed = options.fewest == options.most
    scaling = AutoscalingConfig(
        min_replicas=options.fewest,
        max_replicas=options.most,
        target_ongoing_requests=options.busy,
        upscale_delay_s=options.grow_after_s,
        downscale_delay_s=options.shrink_after_s,
        look_back_period_s=AVERAGED_OVER_S,
    )
    deployment = serve.deployment(
        replica,
        name="Replica",
        num_replicas=options.fewest if fixed else None,
        autoscaling_config=None if fixed else scaling,
        max_ongoing_requests=settings.queue_size * REQUESTS_A_PLACE,
        max_queued_requests=options.waiting,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=RETRY_AFTER_S),
        request_router_config=RequestRouterConfig(
            request_router_class="fovea.server.cluster.routing.ByAnalysis"
        ),
        graceful_shutdown_timeout_s=settings.shutdown_timeout_s,
        health_check_period_s=HEALTH_EVERY_S,
        ray_actor_options={"num_cpus": options.cores, "num_gpus": options.gpus},
    )
    return deployment.bind()


def start(settings: Settings, options: Options, address: str | None = None, **mine: Any) -> None:
    """Joins the cluster at an address, or starts one on this machine, and serves from it; returns
    when the first replicas are up. mine: passed to `ray.init` if it starts one.
    """
    import ray

    # For the proxies, which inherit it from the program that starts Serve.
    environment = {"env_vars": dict([proxy.CALLBACK])}
    if address is None:
        mine = {"include_dashboard": False, **mine}
    ray.init(address=address, log_to_driver=False, runtime_env=environment, **mine)
    serve.start(http_options={"host": settings.host, "port": settings.port})
    deploy(settings, options)


def deploy(settings: Settings, options: Options) -> None:
    """Deploys again: replicas are replaced one at a time."""
    serve.run(bound(settings, options), name=APPLICATION, route_prefix="/")


def stop() -> None:
    """Stops the application after running requests finish. A cluster that existed before keeps
    running.
    """
    import ray

    serve.delete(APPLICATION)
    serve.shutdown()
    ray.shutdown()
