"""TNT beside ViT at equal compute: accuracy, and how well their features separate the ten
classes.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.claims.claim import Claim
from training.claims.gates import cost
from training.claims.small import vit
from training.loop.task import Task
from training.recipes.recipe import Recipe

NEIGHBOURS = 10


def tnt() -> Recipe:
    """The ViT's recipe with a TNT of the same compute: 84 million multiply-adds a photo."""
    shape = {"classes": 10, "image_size": 32, "patch_size": 4, "dim": 100, "heads": 4}
    return replace(vit(), id="cifar_tnt", title="TNT · CIFAR-10", network="tnt", arguments=shape)


@torch.inference_mode()
def class_features(network: nn.Module, task: Task) -> tuple[Tensor, Tensor]:
    """The embeddings of the held-out photos, float (photo, dim), and their labels, on the CPU."""
    network = network.eval()
    pairs = [
        (network.features(inputs)[0].float().cpu(), labels.cpu())  # type: ignore[operator]
        for inputs, labels in task.held_out()  # type: ignore[attr-defined]
    ]
    features, labels = zip(*pairs, strict=True)
    return torch.cat(features), torch.cat(labels)


def neighbour_purity(features: Tensor, labels: Tensor, neighbours: int = NEIGHBOURS) -> float:
    """The fraction of each example's nearest neighbours, by cosine, in its class; 0..1."""
    unit = F.normalize(features, dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    nearest = similarity.topk(neighbours, dim=1).indices
    return (labels[nearest] == labels[:, None]).float().mean().item()


def flat_map(features: Tensor, seed: int = 0) -> Tensor:
    """The features on a plane, (example, 2), by t-SNE (van der Maaten and Hinton 2008)."""
    from sklearn.manifold import TSNE  # a development dependency: not used by the product

    plane = TSNE(init="pca", random_state=seed).fit_transform(features.numpy())
    return torch.from_numpy(plane)


def features_and_cost(network: nn.Module, task: Task, device: torch.device) -> dict[str, float]:
    """Purity of the features' neighbourhoods, and the network's cost."""
    purity = neighbour_purity(*class_features(network, task))
    return {"neighbour_purity": purity} | cost(network, task, device)


CLAIM = Claim(
    id="tnt",
    sentence="With as much compute, a transformer of words inside patches is more accurate than a "
    "ViT, and its features part the classes more clearly.",
    source="Han et al. 2021, table 3 and figure 4",
    variants={"vit": vit(), "tnt": tnt()},
    measure=features_and_cost,
)
