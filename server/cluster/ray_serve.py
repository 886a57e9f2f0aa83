"""The application on Ray Serve: Ray's proxies take requests in, each replica is a whole server.

Replicas share the photo store, and with it ids, jobs and results: whichever is asked answers, and
makes again what it does not have. Requests about one analysis go to the same replica while that is
there (routing.py), so that this is rare. Everything about processes is Ray's: starting and
replacing them, how many there are (`autoscaling_config`), and turning away what is too much
(`max_queued_requests`), besides each replica's own bounds. What Ray says of its own is said as the
servers say it (proxy.py).

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

HEALTH_EVERY_S = 5.0
"""So often Ray asks a replica whether it is alive; one that died is noticed at once."""


def application(args: dict[str, Any]) -> serve.Application:
    """For `serve deploy`: the settings are those of the environment."""
    return bound(load(), Options.of(args))


def bound(settings: Settings, options: Options) -> serve.Application:
    """The application with its bounds, for `serve.run`; raises SettingsError without a store."""
    settings = shared(settings)

    def build() -> ASGIApp:
        """In each replica, once."""
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
        # The mean is of no longer than what is waited for.
        look_back_period_s=max(1.0, min(30.0, options.grow_after_s)),
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
    when the first replicas are there. mine: for `ray.init` where it starts one.
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
    """The application anew: its replicas are replaced one after the other."""
    serve.run(bound(settings, options), name=APPLICATION, route_prefix="/")


def stop() -> None:
    """Ends the application; what is under way gets to finish. A cluster that was there stays."""
    import ray

    serve.delete(APPLICATION)
    serve.shutdown()
    ray.shutdown()
