"""What tests ask of a server over its socket: paths of an analysis, and the forms of an answer."""

import io
from typing import Any

import httpx
import numpy as np

NPY = {"Accept": "application/x-npy"}
PNG = {"Accept": "image/png"}
SAFETENSORS = {"Accept": "application/vnd.safetensors"}


def at(analysis: dict[str, Any], path: str = "") -> str:
    return f"/v1/analyses/{analysis['id']}{path}"


def npy(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))
