"""Whether a noun attends to its object: for the bundled captioner, on hand-drawn boxes.

`python -m training.claims.meaning_captions` writes docs/claims/meaning_captions.json.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.grids import PatchGrid
from fovea.models.kinds.attention.rows import rows
from fovea.models.networks import build
from training.claims.meaning_rooms import gaussians
from training.claims.results import DOCS
from training.examples.data import CANVAS_PX, data_folder
from training.examples.views import CROP_PX, centre_boxes, normalise, resample
from training.examples.words import Vocabulary
from training.loop.export import load_network
from training.tasks.captions import Captioned, load_captioned
from training.tasks.photos import PREPROCESSING

BOXES = Path(__file__).with_name("caption_boxes.json")
CHECKPOINT = Path("models/checkpoints/captioner.safetensors")
RESAMPLES = 2000


@dataclass(frozen=True)
class Box:
    """An object on a validation photo.

    box: left, top, right, bottom on 0..1 of the photo · nouns: words that name it.
    """

    photo: int
    kind: str
    box: tuple[float, float, float, float]
    nouns: frozenset[str]


def read_boxes(path: Path = BOXES) -> list[Box]:
    """The boxes of the file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [
        Box(row["photo"], row["kind"], tuple(row["box"]), frozenset(content["nouns"][row["kind"]]))
        for row in content["boxes"]
    ]


def cell_shares(box: Sequence[float], grid: PatchGrid) -> Tensor:
    """The fraction of each cell of the network's input inside the box: float64 (cell,), 0..1.

    box: as in `Box`; the input is the photo's centre, CROP_PX of CANVAS_PX.
    """
    margin, scale = (1 - CROP_PX / CANVAS_PX) / 2, CROP_PX / CANVAS_PX
    left, top, right, bottom = ((value - margin) / scale for value in box)

    def covered(low: float, high: float, count: int) -> Tensor:
        edges = torch.arange(count + 1, dtype=torch.float64) / count
        inside = edges[1:].clamp(max=high) - edges[:-1].clamp(min=low)
        return inside.clamp(min=0) * count

    return torch.outer(
        covered(top, bottom, grid.rows), covered(left, right, grid.columns)
    ).flatten()


@torch.inference_mode()
def looks(network: nn.Module, photo: Tensor, words: Sequence[int]) -> Tensor:
    """What each written word attends to, averaged over heads: (layer, word, patch).

    photo: (1, 3, height, width), the network's input · words: from START on. Row t is the pass that
    wrote word t + 1.
    """
    with capture(network) as recording:
        network(photo, torch.tensor([words[:-1]], device=photo.device))
    patches = network.encoder.grid_size[0] * network.encoder.grid_size[1]  # type: ignore[union-attr, index]
    attentions = [site.attention for site in recording.trace.sites if site.attends]
    across = [
        attention for attention in attentions if attention.shape[2:] == (len(words) - 1, patches)
    ]
    return torch.stack([rows(one).mean(dim=0) for one in across]).double().cpu()


def figures_of(look: Tensor, shares: Tensor) -> dict[str, float]:
    """look: (patch,), summing to 1 · shares: (patch,). The pointing game: Zhang et al. 2016."""
    return {
        "mass": float(look @ shares),
        "pointing": float(shares[look.argmax()] > 0.5),
    }


def sentences_of(
    network: nn.Module, photo: Tensor, captions: Sequence[Sequence[str]], words: Vocabulary
) -> Iterator[tuple[str, list[int]]]:
    """(author, numbers): human captions, then the network's."""
    for caption in captions:
        yield "people's", words.encode(caption, len(caption) + 2)
    written = network.generate(photo)[0].tolist()  # type: ignore[operator]
    yield "own", words.encode(words.decode(written), len(written))


def box_figures(
    network: nn.Module,
    photo: Tensor,
    box: Box,
    captions: Sequence[Sequence[str]],
    words: Vocabulary,
) -> dict[str, float]:
    """Means over the captions of the photo that name the object; empty if none does.

    For nouns of human captions, read by teacher forcing, and of the network's own; for the other
    words of human captions; and for baselines: uniform (the box's area) and a centred Gaussian.
    """
    grid = PatchGrid(*network.encoder.grid_size)  # type: ignore[union-attr, misc]
    shares = cell_shares(box.box, grid)
    found: dict[str, list[float]] = defaultdict(list)
    for whose, numbers in sentences_of(network, photo, captions, words):
        labels = [words.labels[number] for number in numbers[1:]]
        if not box.nouns & set(labels):
            continue
        look = looks(network, photo, numbers)
        for place, label in enumerate(labels[:-1]):
            names = label in box.nouns
            for name, value in figures_of(look[:, place].mean(dim=0), shares).items():
                if names:
                    found[f"{name}, {whose} nouns"].append(value)
                elif whose == "people's":
                    found[f"{name}, other words"].append(value)
            if names and whose == "people's":
                for layer, one in enumerate(look[:, place]):
                    found[f"mass, layer {layer + 1}"].append(figures_of(one, shares)["mass"])
    if not found:
        return {}
    centre = gaussians(torch.tensor([[0.5, 0.5]], dtype=torch.float64), grid)[0]
    ahead = figures_of(centre, shares)
    return {name: sum(values) / len(values) for name, values in found.items()} | {
        "mass, anywhere": float(shares.mean()),
        "pointing, anywhere": float((shares > 0.5).double().mean()),
        "mass, centre": ahead["mass"],
        "pointing, centre": ahead["pointing"],
    }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean over boxes (bootstrap with as many boxes, drawn with
    replacement).
    """
    drawn = torch.tensor(values, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(drawn), (RESAMPLES, len(drawn)), generator=generator)
    low, high = drawn[chosen].mean(dim=1).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    return low, high


def meaning_in_captions(
    network: nn.Module, val: Captioned, labels: Sequence[str], boxes: Sequence[Box]
) -> dict[str, dict[str, float]]:
    """Each figure's mean over the boxes, with its 95 % interval and the number of boxes.

    A figure covers only boxes that have it; "gain" is mass minus the baseline, paired by box.
    """
    words = Vocabulary(tuple(labels))
    mean, std = (torch.tensor(values) for values in (PREPROCESSING.mean, PREPROCESSING.std))
    found: dict[str, list[float]] = defaultdict(list)
    for box in boxes:
        image = val.images[box.photo : box.photo + 1]
        photo = normalise(resample(image, centre_boxes(1), CROP_PX), mean, std)
        figures = box_figures(network, photo, box, val.captions[box.photo], words)
        for name, value in figures.items():
            found[name].append(value)
        for whose in ("people's", "own"):
            if (mass := figures.get(f"mass, {whose} nouns")) is not None:
                for baseline in ("anywhere", "centre", "other words"):
                    if (without := figures.get(f"mass, {baseline}")) is not None:
                        found[f"gain of {whose} nouns over {baseline}"].append(mass - without)
    return {
        name: {
            "mean": sum(values) / len(values),
            "low": interval(values)[0],
            "high": interval(values)[1],
            "boxes": len(values),
        }
        for name, values in sorted(found.items())
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.claims.meaning_captions")
    parser.add_argument("--data", help="folder of the data sets (default: FOVEA_DATA_DIR)")
    options = parser.parse_args()
    card = json.loads(CHECKPOINT.with_suffix(".json").read_text(encoding="utf-8"))
    name, arguments = card["network"]["name"], card["network"]["arguments"]
    val = load_captioned(data_folder(options.data), "flickr8k_val")
    boxes = read_boxes()
    torch.manual_seed(0)
    networks = {
        "trained": load_network(CHECKPOINT, name, arguments),
        "untrained": build(name, **arguments).eval(),
    }
    content = {
        "id": "meaning_captions",
        "sentence": "The cross-attention of a noun lies on the thing more often than chance.",
        "source": "Xu et al. 2015, section 5.4, who showed it on examples",
        "checkpoint": card["revision"],
        "boxes": len(boxes),
        "photos": len({box.photo for box in boxes}),
        "variants": {
            variant: meaning_in_captions(network, val, card["labels"], boxes)
            for variant, network in networks.items()
        },
    }
    path = DOCS / "meaning_captions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for variant, figures in content["variants"].items():
        for figure, values in figures.items():
            print(f"{variant}: {figure} {values['mean']:.3f}", end=" ")
            print(f"({values['low']:.3f} to {values['high']:.3f}, {values['boxes']} boxes)")


if __name__ == "__main__":
    main()
