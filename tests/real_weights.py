"""The one file that tests use where a machine has it and that does not ship: the ImageNet ViT-Ti.

A test that needs it is marked `real`, and comes besides one that does without: `make test` passes
where nothing but the repository is, `make test-real` runs the tests that carry the mark.
"""

import os
from pathlib import Path

IMAGENET_VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FILE = f"{IMAGENET_VIT}.safetensors"
MISSING = f"the ImageNet ViT is not here: {FILE} in FOVEA_WEIGHTS_DIR"


def real_weights() -> Path | None:
    """The folder with the ImageNet ViT, where FOVEA_WEIGHTS_DIR names it."""
    given = os.environ.get("FOVEA_WEIGHTS_DIR")
    return Path(given) if given and (Path(given) / FILE).is_file() else None
