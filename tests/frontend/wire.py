"""The schemas of the wire, from which the page's types are made: python -m tests.frontend.wire FILE

`make wire` writes them and has openapi-typescript make frontend/types/wire.d.ts of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from fovea.server.app import create_app
from fovea.server.settings import Settings

TYPES = Path(__file__).parents[2] / "frontend/types/wire.d.ts"
MARK = "// Made by `make wire` of the schemas with SHA-256 "


def schemas() -> dict[str, Any]:
    """An OpenAPI document of the schemas alone: of the routes the page needs no types."""
    described = create_app(Settings(offline=True)).openapi()
    return {
        "openapi": described["openapi"],
        "info": {"title": "Fovea", "version": "1"},
        "paths": {},
        "components": {"schemas": described["components"]["schemas"]},
    }


def text() -> str:
    return json.dumps(schemas(), sort_keys=True)


def fingerprint() -> str:
    return hashlib.sha256(text().encode()).hexdigest()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stamp"]:
            TYPES.write_text(f"{MARK}{fingerprint()}\n{TYPES.read_text('utf-8')}", "utf-8")
        case [target]:
            Path(target).write_text(text(), "utf-8")
