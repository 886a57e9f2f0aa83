"""The OpenAPI document: FastAPI's, completed with what FastAPI cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from fovea.server.settings import Settings
from fovea.server.wire import schemas
from fovea.server.wire.addresses import address

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

EVERYWHERE = {
    "401": "A token is needed",
    "403": "Another site may not do this",
    "421": "This server has another name",
    "429": "Too much at a time; Retry-After says when to come back",
    "500": "Something went wrong in the server",
    "503": "The server cannot, for now",
}
"""Statuses that any operation of the API may answer."""

OF_A_BODY = {"400": "The body cannot be read"}
OF_A_FORMAT = {"406": "There is no such representation"}


def document(app: FastAPI, settings: Settings) -> None:
    """Makes the application's `openapi` complete, with addresses under the request's prefix."""
    original = app.openapi
    del settings

    def openapi() -> dict[str, Any]:
        made = original()
        components = made.setdefault("components", {})
        known = components.setdefault("schemas", {})
        known["Problem"] = schemas.Problem.model_json_schema()
        known.pop("HTTPValidationError", None)
        known.pop("ValidationError", None)
        components["securitySchemes"] = {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Where the server has a token (FOVEA_TOKEN); others need none.",
            }
        }
        for path, operations in made["paths"].items():
            for operation in operations.values():
                _complete(operation, guarded=path.startswith(("/v1", "/metrics")))
        return {**made, "servers": [{"url": address("/").rstrip("/") or "/"}]}

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], *, guarded: bool) -> None:
    """Describes errors as problem details rather than FastAPI's own, and the token as optional."""
    answers = operation["responses"]
    if "application/json" in answers.get("422", {}).get("content", {}):
        content = answers["422"]["content"]
        content.pop("application/json")
        content.update({**PROBLEM, **content})
        answers["422"]["description"] = "Invalid parameters"
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            _say_default(parameter)
    if guarded:
        operation["security"] = [{"token": []}, {}]
        others = dict(EVERYWHERE)
        if "requestBody" in operation:
            others |= OF_A_BODY
        if any(one["name"] == "format" for one in operation.get("parameters", ())):
            others |= OF_A_FORMAT
        for status, told in others.items():
            answers.setdefault(status, {"description": told, "content": PROBLEM})


def _say_default(parameter: dict[str, Any]) -> None:
    """Moves defaults into the description: generated clients send schema defaults explicitly, and a
    parameter that an answer does not use is refused.
    """
    default = parameter["schema"].pop("default", None)
    if default is not None:
        told = str(default).lower() if isinstance(default, bool) else default
        parts = (parameter.get("description"), f"default: {told}")
        parameter["description"] = "; ".join(filter(None, parts))
