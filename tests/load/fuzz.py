"""`make fuzz`: mutated pictures of every format, decoded in processes of bounded memory.

Whatever the bytes are, a Photo or a problem of the client's comes out.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import random
import resource
import sys
from collections import Counter

import numpy as np
from PIL import Image

from fovea.server.intake.imaging import decode
from fovea.server.problems import Problem

MEMORY = 4 << 30
MAX_PIXELS = 4_000_000
EACH = 2_000
FORMS = (
    ("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"),
    ("WEBP", "RGB"), ("GIF", "P"), ("BMP", "RGB"), ("TIFF", "RGB"), ("TIFF", "1"), ("AVIF", "RGB"),
)  # fmt: skip


def seeds() -> list[bytes]:
    """A small picture in each form that this Pillow writes."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    found = []
    for form, mode in FORMS:
        image = Image.fromarray(pixels)
        image = image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
        buffer = io.BytesIO()
        try:
            image.save(buffer, form)
        except (KeyError, OSError):
            continue
        found.append(buffer.getvalue())
    return found


def mutated(chance: random.Random, whole: list[bytes]) -> bytes:
    """Bits flipped, bytes cut, repeated or taken from another file, numbers made large."""
    data = bytearray(chance.choice(whole))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(5)
        if kind == 0 and data:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.randint(1, 40)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        elif kind == 3:
            other = chance.choice(whole)
            start = chance.randrange(len(other))
            data[at : at + 30] = other[start : start + 30]
        else:
            data[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
    return bytes(data)


def tried(seed: int) -> tuple[int, Counter[str], list[str]]:
    """EACH mutants of one seed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    chance, whole = random.Random(seed), seeds()
    outcomes: Counter[str] = Counter()
    wrong = []
    for _ in range(EACH):
        data = mutated(chance, whole)
        try:
            decode(data, MAX_PIXELS)
            outcomes["photo"] += 1
        except Problem as problem:
            outcomes[problem.slug] += 1
            if problem.status >= 500:
                wrong.append(f"{problem.slug}: {data[:40]!r}")
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error} ({data[:40]!r})")
    return seed, outcomes, wrong


def main() -> None:
    """Prints what came out, and ends with 1 where something was a mistake of ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(2, maxtasksperchild=1) as pool:
        for _, found, bad in pool.imap_unordered(tried, range(-(-options.images // EACH))):
            outcomes += found
            wrong += bad
    print(", ".join(f"{name} {count:,}" for name, count in outcomes.most_common()))
    for line in wrong[:20]:
        print(f"broken: {line}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
