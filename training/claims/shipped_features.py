"""Features and positions of the bundled ViT and TNT: ten classes on a plane, and similarity maps.

`python -m training.claims.shipped_features` writes docs/claims/shipped_features.json.
"""

import argparse
import json

import torch
from torch import Tensor, nn

from fovea.models.mechanisms.positions import cosine_similarity_map
from training.claims.positions import similarity_by_place
from training.claims.results import DOCS
from training.claims.shipped_reach import shipped
from training.claims.tnt import flat_map, neighbour_purity
from training.examples.data import Examples, data_folder, load_photos
from training.examples.views import CROP_PX, centre_boxes, normalise, resample
from training.tasks.photos import PREPROCESSING

CLASSES = 10
SHOWN = (2, 7, 12)
"""Rows and columns of the patch grid whose positions are compared with all others."""


def largest_classes(examples: Examples, count: int) -> list[int]:
    """The labels with the most examples, most first."""
    return torch.bincount(examples.labels).argsort(descending=True, stable=True)[:count].tolist()


@torch.inference_mode()
def embeddings(network: nn.Module, inputs: Tensor) -> Tensor:
    """The input of the head: (photo, dim)."""
    parts = [network.features(part)[0] for part in inputs.split(64)]  # type: ignore[operator]
    return torch.cat(parts)


def on_a_plane(name: str, inputs: Tensor, labels: Tensor) -> dict[str, object]:
    """The features by t-SNE, and the fraction of each one's nearest neighbours in its class."""
    features = embeddings(shipped(name), inputs)
    plane = flat_map(features)
    return {
        "neighbour_purity": round(neighbour_purity(features, labels), 4),
        "points": [[round(value, 2) for value in point] for point in plane.tolist()],
    }


def position_maps(network: nn.Module) -> dict[str, object]:
    """Similarity of some positions to all: by place, and (shown, row, column)."""
    rows, columns = network.grid_size  # type: ignore[misc]
    encoding = network.positions.encoding().detach()  # type: ignore[union-attr, operator]
    similarity = cosine_similarity_map(encoding)
    chosen = [row * columns + column for row in SHOWN for column in SHOWN]
    maps = similarity[chosen].reshape(len(chosen), rows, columns)
    return {
        "by_place": similarity_by_place(encoding, (rows, columns)),
        "shown": list(SHOWN),
        "maps": [[[round(v, 2) for v in row] for row in one] for one in maps.tolist()],
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.shipped_features")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    options = parser.parse_args()
    photos = load_photos(data_folder(options.data), "caltech101_val")
    classes = largest_classes(photos, CLASSES)
    of_them = torch.isin(photos.labels, torch.tensor(classes))
    images, labels = photos.images[of_them], photos.labels[of_them]
    mean, std = (torch.tensor(values) for values in (PREPROCESSING.mean, PREPROCESSING.std))
    inputs = normalise(resample(images, centre_boxes(len(images)), CROP_PX), mean, std)
    content = {
        "classes": [photos.classes[label] for label in classes],
        "labels": [classes.index(label) for label in labels.tolist()],
        "networks": {name: on_a_plane(name, inputs, labels) for name in ("vit", "tnt")},
        "positions": position_maps(shipped("vit")),
    }
    path = DOCS / "shipped_features.json"
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
