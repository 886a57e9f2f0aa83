"""Exports trained weights: a float16 safetensors file and its card."""

import datetime
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fovea.models.mechanisms.feature_map_attention import fold_spectral_norm
from fovea.models.networks import build
from training.loop.task import Task
from training.recipes import recipe_for
from training.recipes.recipe import Recipe

CHECKPOINTS = Path("models/checkpoints")
RUNS = Path("runs")


def export_folder(recipe: Recipe) -> Path:
    """The folder for the recipe's file and card: networks that are not bundled stay in runs/."""
    return CHECKPOINTS if recipe.ships else RUNS / recipe.id


def trained_network(recipe: Recipe, state: dict[str, Tensor]) -> nn.Module:
    """The trained network on the CPU, without its training arguments."""
    trained = build(recipe.network, **(dict(recipe.arguments) | dict(recipe.training_arguments)))
    trained.load_state_dict(state)
    return fold_spectral_norm(trained.eval())


def plain_state(recipe: Recipe, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of `trained_network`, floats as float16."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in trained_network(recipe, state).state_dict().items()
    }


def read_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors of an exported file, floats as float32."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(checkpoint).items()
    }


def starting_weights(recipe: Recipe) -> dict[str, Tensor] | None:
    """The weights that the recipe starts from, or None for random ones.

    Raises FileNotFoundError if they have not been trained.
    """
    if recipe.starts_from is None:
        return None
    start = export_folder(recipe_for(recipe.starts_from)) / f"{recipe.starts_from}.safetensors"
    if not start.is_file():
        raise FileNotFoundError(
            f"{recipe.id} starts from {start}; train it: make train NETWORK={recipe.starts_from}"
        )
    return read_weights(start)


def load_network(checkpoint: Path, name: str, arguments: dict[str, Any]) -> nn.Module:
    """The network of an exported file, in evaluation mode."""
    network = build(name, **arguments)
    network.load_state_dict(read_weights(checkpoint))
    return network.eval()


def write_weights(recipe: Recipe, state: dict[str, Tensor], folder: Path) -> Path:
    """Write <id>.safetensors into the folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.id}.safetensors"
    save_file(plain_state(recipe, state), path)
    path.chmod(0o644)  # safetensors makes it readable by its owner only
    return path


def describe(recipe: Recipe) -> str:
    """The recipe in a sentence, for the card."""
    parts = [
        f"{recipe.epochs} epochs",
        f"AdamW, peak learning rate {recipe.learning_rate:g}, cosine",
        f"weight decay {recipe.weight_decay:g}",
        f"batches of {recipe.batch}",
        f"averaged weights ({recipe.average:g})",
        f"label smoothing {recipe.label_smoothing:g}",
    ]
    if recipe.starts_from:
        stays = f", {' and '.join(recipe.frozen)} unchanged" if recipe.frozen else ""
        parts.append(f"begun with the weights of {recipe.starts_from}{stays}")
    if recipe.distil:
        parts.append("distilled from the teacher's logits, class token and patch tokens")
    if recipe.keeps == "last":
        parts.append("the weights of the last epoch")
    return f"{', '.join(parts)}; training/recipes/{recipe.id}.py"


def write_card(
    recipe: Recipe, task: Task, weights: Path, metrics: dict[str, float]
) -> dict[str, Any]:
    """Write <id>.json beside the weights and return it."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    network = build(recipe.network, **recipe.arguments)
    card = {
        "id": recipe.id,
        "title": recipe.title,
        "summary": recipe.summary,
        "mechanisms": list(recipe.mechanisms),
        "task": task.kind,
        "network": {"name": recipe.network, "arguments": dict(recipe.arguments)},
        "preprocessing": task.preprocessing and asdict(task.preprocessing),
        "labels": list(task.classes),
        "metrics": {name: round(value, 4) for name, value in metrics.items()},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "revision": digest[:12],
        "sha256": digest,
        "data": task.source.data,
        "licence": task.source.licence,
        "recipe": describe(recipe),
        "command": f"make train NETWORK={recipe.id}",
        "seed": recipe.seed,
        "date": datetime.date.today().isoformat(),
        "citation": recipe.citation,
    }
    if (read := getattr(task, "source_words", None)) is not None:
        card["source_words"] = read
    text = json.dumps(card, indent=1, ensure_ascii=False)
    weights.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return card
