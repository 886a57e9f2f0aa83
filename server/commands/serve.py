"""`fovea serve`: starts the server and prints its address."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import logging
import socket
import sys
import webbrowser
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from fovea.server.commands.common import DONE, catalogue, tell
from fovea.server.commands.spoken import spoken

if TYPE_CHECKING:
    from fovea.server.settings import Settings

SUMMARY = "start the server and the page"
DESCRIPTION = "Start the server and the page. All photos stay on this machine."
EPILOG = """\
examples:
  fovea serve                              http://127.0.0.1:8000
  fovea serve --open                       and a browser opens it
  fovea serve --port 0                     any free port; the first line says which
  FOVEA_WEIGHTS_DIR=weights fovea serve    with <model id>.safetensors files of your own

More can be set by environment variables with the prefix FOVEA_: see docs/settings.md.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fovea serve`."""
    parser.add_argument("--host", help="address to listen on (FOVEA_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (FOVEA_PORT, 8000)")
    ray = parser.add_argument_group("on Ray Serve, in several processes or on several machines")
    ray.add_argument("--ray", action="store_true", help="serve from Ray; needs FOVEA_PHOTO_STORE")
    ray.add_argument(
        "--replicas",
        metavar="N",
        help="how many servers; 1-4: as many as there is work for (one for each core or GPU)",
    )
    ray.add_argument("--address", help="of a Ray cluster that is there (auto); else one is started")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(options: argparse.Namespace) -> int:
    """Serves until stopped."""
    from fovea.server.settings import SettingsError, load

    given = {"host": options.host, "port": options.port}
    try:
        settings = load(**{name: value for name, value in given.items() if value is not None})
        if options.ray:
            from fovea.server.commands.serve_ray import serve_from_ray

            serve_from_ray(settings, options.replicas, options.address)
            return DONE
        for name in ("replicas", "address"):
            if getattr(options, name) is not None:
                raise SettingsError(f"--{name} goes with --ray.")
        with listen(settings.host, settings.port) as listener:
            _serve(settings, listener, in_browser=options.open)
    except SettingsError as error:
        sys.exit(spoken(str(error)))
    return DONE


def _serve(settings: Settings, listener: socket.socket, *, in_browser: bool) -> None:
    from fovea.server.settings import SettingsError, unknown_variables

    port = listener.getsockname()[1]
    tell(f"Fovea is starting at {address(settings, port, sys.stdout.isatty())}")
    for line in warnings(settings, sys.stdout.isatty()):
        tell(f"  {line}")
    for name in unknown_variables():
        tell(f"  {name} is set, but there is no such setting (docs/settings.md).")
    # Imported late, so that the line above is printed before torch takes its second to load.
    from fovea.models.catalog.catalog import UnknownModel
    from fovea.server.app import create_app
    from fovea.server.engine import memory
    from fovea.server.engine.device import pick_device
    from fovea.server.http import connections

    memory.settle()
    write_logs(settings)
    catalog = catalogue(settings)
    try:
        device = pick_device(settings.device)
    except ValueError as error:
        raise SettingsError(f"FOVEA_DEVICE: {error}") from error
    if settings.default_model:
        try:
            catalog.spec(settings.default_model)
        except UnknownModel as error:
            raise SettingsError(f"FOVEA_DEFAULT_MODEL: {error}") from error
    tell(f"  looking with: {device}; weights: {settings.weights_dir or 'bundled and hub'}")
    tell("  stop with Ctrl+C")
    app = create_app(settings, catalog)

    class Server(connections.Server):
        """A server that cancels downloads first: they resume later, and clients that follow them
        are not kept waiting.
        """

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if in_browser:
                page = address(settings, port, shown=True)
                await asyncio.to_thread(webbrowser.open, page)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.engine.shelf.jobs.close()
            await super().shutdown(sockets)

    Server(connections.config(app, settings)).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Opens the listening socket before anything slow, so that a busy port is reported at once."""
    from fovea.server.settings import SettingsError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With an explicit protocol asyncio disables Nagle's algorithm; otherwise answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. "
            "Choose another with --port or FOVEA_PORT."
        ) from error
    return listener


def address(settings: Settings, port: int, shown: bool = False) -> str:
    """The address to open, with the token if one is set and may be `shown`."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    host = f"[{host}]" if ":" in host else host
    token = settings.token.get_secret_value() if settings.token and shown else ""
    return f"http://{host}:{port}{settings.root_path}/{f'?token={quote(token)}' if token else ''}"


def warnings(settings: Settings, shown: bool) -> list[str]:
    """Warnings for the operator at start-up."""
    lines = []
    if settings.token is None and not is_loopback(settings.host):
        lines.append(
            f"Warning: {settings.host} can be reached from other machines, and no token is set: "
            "anyone who can reach it can use it. Set FOVEA_TOKEN, or see docs/security.md."
        )
    if settings.token is not None and not shown:
        lines.append("Sign in at this address with ?token= and the value of FOVEA_TOKEN.")
    return lines


def is_loopback(host: str) -> bool:
    """Whether the address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")


def write_logs(settings: Settings) -> None:
    """Logs warnings, and requests if enabled, as text for people or as JSON."""
    handler = logging.StreamHandler()
    json_lines = settings.log_format == "json"
    form = JsonLines() if json_lines else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(form)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    if settings.access_log:
        access = logging.getLogger("fovea.access")
        access.setLevel(logging.INFO)
        if not json_lines:
            lines = logging.StreamHandler()
            lines.setFormatter(
                logging.Formatter("%(asctime)s %(client)s %(message)s %(ms)s ms %(request_id)s")
            )
            access.addHandler(lines)
            access.propagate = False


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and details of a request."""

    FIELDS = ("request_id", "client", "method", "path", "route", "status", "ms")

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: vars(record)[name] for name in self.FIELDS if name in vars(record)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
