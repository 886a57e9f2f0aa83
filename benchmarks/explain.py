"""`fovea explain` on many photos against a bare loop that does the same by hand.

The bare loop is what one would write in a script: Pillow, timm's preprocessing, hooks on unfused
attention, a rollout by matrix products, a blended picture written as PNG. Both are processes of
their own, with one thread for torch; the ratio is of their CPU time, start-up included and, by the
difference to a run on a single photo, without it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.request import MODEL, photos
from benchmarks.timing import table

PHOTOS = 50
ROUNDS = 2

BARE = """
import sys
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from fovea.models.catalog.torchvision_operators import declare_missing_operators
declare_missing_operators()
import timm

model, weights, out, *files = sys.argv[1:]
timm.layers.set_fused_attn(False)
network = timm.create_model(model, pretrained=False)
if Path(weights).is_file():
    network.load_state_dict(load_file(weights))
network.eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
seen = []
for block in network.blocks:
    block.attn.attn_drop.register_forward_hook(lambda m, i, o: seen.append(o))
levels = np.linspace(0, 255, 256).astype(np.uint8)
table = np.stack([levels, levels[::-1], 255 - levels], 1)
for file in files:
    photo = Image.open(file).convert("RGB")
    seen.clear()
    with torch.inference_mode():
        scores = network(transform(photo)[None]).softmax(-1).topk(5)
        rollout = torch.eye(seen[0].shape[-1])
        for maps in seen:
            kept = maps[0].mean(0) + torch.eye(maps.shape[-1])
            rollout = kept / kept.sum(-1, keepdim=True) @ rollout
        row = rollout[0, 1:].reshape(14, 14).numpy()
    shares = (row - row.min()) / (row.max() - row.min())
    cells = Image.fromarray(table[np.rint(shares * 255).astype(np.uint8)])
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    over = photo.copy()
    over.paste(cells.resize((side, side), Image.Resampling.NEAREST), (left, top))
    Image.blend(photo, over, 0.6).save(Path(out) / (Path(file).stem + ".png"))
    print(file, scores.indices[0, 0].item(), round(scores.values[0, 0].item(), 2))
"""


def cpu_of(command: list[str]) -> float:
    """CPU seconds of a command, all its threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table."""
    weights = Path(os.environ.get("FOVEA_WEIGHTS_DIR", ".")) / f"{MODEL}.safetensors"
    with tempfile.TemporaryDirectory() as folder:
        source, out = photos(), Path(folder) / "out"
        out.mkdir()
        files = []
        for number in range(PHOTOS):
            files.append(Path(folder) / f"photo{number:03}.jpg")
            files[-1].write_bytes(next(source))

        def commands(count: int) -> tuple[list[str], list[str]]:
            named = [str(file) for file in files[:count]]
            fovea = ["-m", "fovea", "explain", *named, "--model", MODEL, "--map", "rollout"]
            where = str(out / "one.png" if count == 1 else out)
            return (
                [sys.executable, *fovea, "-o", where],
                [sys.executable, "-c", BARE, MODEL, str(weights), str(out), *named],
            )

        rows = []
        for _ in range(ROUNDS):
            one, many = ([cpu_of(c) for c in commands(n)] for n in (1, PHOTOS))
            more = [(m - o) / (PHOTOS - 1) for m, o in zip(many, one, strict=True)]
            rows.append((*one, *many, *more))
    names = ("1 photo", f"{PHOTOS} photos", "each more photo")
    lines = []
    for index, name in enumerate(names):
        own = statistics.median(row[2 * index] for row in rows)
        bare = statistics.median(row[2 * index + 1] for row in rows)
        ratio = statistics.median(row[2 * index] / row[2 * index + 1] for row in rows)
        lines.append([name, f"{own:.3f} s", f"{bare:.3f} s", f"{ratio:.2f}"])
    print(f"{MODEL}, rollout on the photo as PNG, CPU time, {ROUNDS} rounds\n")
    print(table(("what", "fovea explain", "bare loop", "ratio"), lines))


if __name__ == "__main__":
    main()
