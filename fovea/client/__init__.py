"""A client for Fovea servers: send photos, receive maps.

    from fovea.client import Client

    with Client("http://127.0.0.1:8000") as fovea:
        fovea.analyse("cat.jpg").map("relevance", target="cat").overlay().save("map.png")

`AsyncClient` is the same with `await`. Requires httpx: `pip install "fovea-microscope[client]"`.
See docs/client.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fovea.client.errors import ClientError, Problem, Unreachable
from fovea.models.edits import block, drop, hide, identity, mean, off, set_gate, shut, theta

if TYPE_CHECKING:
    from fovea.client.asynchronous import AsyncAnalysis, AsyncArray, AsyncBatch, AsyncClient
    from fovea.client.synchronous import Analysis, Array, Batch, Client

_OF = {
    **dict.fromkeys(("Analysis", "Array", "Batch", "Client"), "synchronous"),
    **dict.fromkeys(("AsyncAnalysis", "AsyncArray", "AsyncBatch", "AsyncClient"), "asynchronous"),
}

__all__ = [
    "Analysis",
    "Array",
    "AsyncAnalysis",
    "AsyncArray",
    "AsyncBatch",
    "AsyncClient",
    "Batch",
    "Client",
    "ClientError",
    "Problem",
    "Unreachable",
    "block",
    "drop",
    "hide",
    "identity",
    "mean",
    "off",
    "set_gate",
    "shut",
    "theta",
]


def __getattr__(name: str) -> Any:
    """Imports what requires httpx on first use."""
    if name not in _OF:
        raise AttributeError(f"module 'fovea.client' has no attribute {name!r}")
    try:
        import_module("httpx")
    except ImportError as error:
        raise ImportError(
            'fovea.client needs httpx; pip install "fovea-microscope[client]" installs it.'
        ) from error
    return getattr(import_module(f"fovea.client.{_OF[name]}"), name)
