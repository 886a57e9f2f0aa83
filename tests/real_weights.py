"""The one file that tests use where a machine has it and that does not ship: the ImageNet ViT-Ti.

Only what needs it may be skipped; all else that a test uses is in the repository or its lock file.
"""

import os
from pathlib import Path

IMAGENET_VIT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FILE = f"{IMAGENET_VIT}.safetensors"
MISSING = f"the ImageNet ViT is not here: {FILE} in FOVEA_WEIGHTS_DIR"


def real_weights() -> Path | None:
    """The folder with the ImageNet ViT, if this machine has it."""
    beside = Path(__file__).parents[2] / "shared" / "weights"
    folder = Path(os.environ.get("FOVEA_WEIGHTS_DIR") or beside)
    return folder if (folder / FILE).is_file() else None
