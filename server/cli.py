"""`fovea serve`: start the server and say where it is."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from server.settings import Settings, SettingsError, load, unknown_variables


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)
    overrides: dict[str, Any] = {
        name: value
        for name in ("host", "port")
        if (value := getattr(options, name, None)) is not None
    }
    try:
        settings = load(**overrides)
        with listen(settings.host, settings.port) as listener:
            _serve(settings, listener)
    except SettingsError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fovea", description="See what a vision network attended to."
    )
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="start the server and the page",
        description="Start the server and the page. More can be set by environment variables with "
        "the prefix FOVEA_: see docs/settings.md.",
    )
    serve.add_argument("--host", help="address to listen on (FOVEA_HOST, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (FOVEA_PORT, 8000)")
    return parser


def _serve(settings: Settings, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    print(f"Fovea is starting at {address(settings, port)}", flush=True)
    for name in unknown_variables():
        print(f"  {name} is set, but there is no such setting (docs/settings.md).", flush=True)
    # Imported now, so that the line above is there while torch takes its second.
    import uvicorn

    from models.catalog import Catalog, UnknownModel
    from server.app import create_app
    from server.inference import pick_device

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    catalog = Catalog(
        settings.weights_dir, settings.cache_dir, settings.models_dir, offline=settings.offline
    )
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
    config = uvicorn.Config(
        create_app(settings, catalog),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything slow, so that a busy port is told at once."""
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
