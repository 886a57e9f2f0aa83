"""The peer of benchmarks/serving.py: a plain application of FastAPI, timm and hooks.

Fused attention is off, as hooks must see the probabilities. Forward passes run in FastAPI's thread
pool, with one core each.
"""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from safetensors.torch import load_file

from benchmarks.request import MODEL
from fovea.models.catalog.torchvision_operators import declare_missing_operators

declare_missing_operators()  # some builds of torchvision lack them, and timm needs them
import timm  # noqa: E402

app = FastAPI()
timm.layers.set_fused_attn(False)
folder = Path(os.environ.get("FOVEA_WEIGHTS_DIR", "."))
file = folder / f"{MODEL}.safetensors"
network = timm.create_model(MODEL, pretrained=False)
if file.is_file():
    network.load_state_dict(load_file(file))
network.eval()
config: Any = timm.data.resolve_model_data_config(network)
transform: Any = timm.data.create_transform(**config, is_training=False)
here = threading.local()
for block in network.get_submodule("blocks").children():
    block.get_submodule("attn.attn_drop").register_forward_hook(
        lambda m, i, out: here.seen.append(out)
    )


def look(data: bytes) -> dict[str, Any]:
    """The classes of a photo, and the last layer's attention."""
    torch.set_num_threads(1)
    here.seen = []
    with torch.inference_mode():
        inputs = transform(Image.open(io.BytesIO(data)).convert("RGB"))[None]
        scores, indices = network(inputs).softmax(-1).topk(5)
    return {
        "classes": list(zip(indices[0].tolist(), scores[0].tolist(), strict=True)),
        "attention": here.seen[-1][0].mean(0)[0, 1:].tolist(),
    }


@app.get("/healthz")
def alive() -> dict[str, str]:
    """Readiness."""
    return {"status": "alive"}


@app.post("/analyse")
async def analyse(request: Request) -> dict[str, Any]:
    """A photo in, its classes and a map out."""
    return await run_in_threadpool(look, await request.body())


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["FOVEA_PORT"]), log_level="error", access_log=False)
