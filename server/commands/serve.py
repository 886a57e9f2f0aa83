"""`fovea serve`: start the server and say where it is."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

from fovea.server.commands.common import DONE, catalogue

if TYPE_CHECKING:
    from fovea.server.settings import Settings

SUMMARY = "start the server and the page"
DESCRIPTION = "Start the server and the page. All photos stay on this machine."
EPILOG = """\
examples:
  fovea serve                              http://127.0.0.1:8000
  fovea serve --port 0                     any free port; the first line says which
  FOVEA_WEIGHTS_DIR=weights fovea serve    with <model id>.safetensors files of your own

More can be set by environment variables with the prefix FOVEA_: see docs/settings.md.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What can be said behind `fovea serve`."""
    parser.add_argument("--host", help="address to listen on (FOVEA_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (FOVEA_PORT, 8000)")


def run(options: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from fovea.server.settings import SettingsError, load

    given = {"host": options.host, "port": options.port}
    try:
        settings = load(**{name: value for name, value in given.items() if value is not None})
        with listen(settings.host, settings.port) as listener:
            _serve(settings, listener)
    except SettingsError as error:
        sys.exit(str(error))
    return DONE


def _serve(settings: Settings, listener: socket.socket) -> None:
    from fovea.server.settings import SettingsError, unknown_variables

    port = listener.getsockname()[1]
    print(f"Fovea is starting at {address(settings, port)}", flush=True)
    for name in unknown_variables():
        print(f"  {name} is set, but there is no such setting (docs/settings.md).", flush=True)
    # Imported now, so that the line above is there while torch takes its second.
    import uvicorn

    from fovea.models.catalog.catalog import UnknownModel
    from fovea.server.app import create_app
    from fovea.server.engine.device import pick_device

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
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
    print(f"  looking with: {device}; weights: {settings.weights_dir or 'bundled and hub'}")
    print("  stop with Ctrl+C", flush=True)
    app = create_app(settings, catalog)
    config = uvicorn.Config(
        app,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )

    class Server(uvicorn.Server):
        """Ends downloads first: they go on another time, and who follows one need not wait."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.engine.shelf.jobs.close()
            await super().shutdown(sockets)

    Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything slow, so that a busy port is told at once."""
    from fovea.server.settings import SettingsError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns off Nagle's algorithm; without, answers wait 40 ms.
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


def address(settings: Settings, port: int) -> str:
    """The address to open, with the token if one is needed."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    host = f"[{host}]" if ":" in host else host
    token = f"?token={quote(settings.token.get_secret_value())}" if settings.token else ""
    return f"http://{host}:{port}/{token}"
