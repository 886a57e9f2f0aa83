"""What the gated residual networks share: only the gate and the words differ."""

from typing import Any

from training.recipe import Recipe


def residual_recipe(id: str, gate: str, **different: Any) -> Recipe:
    """The recipe of a gated ResNet on the photos; `different` overrides or completes it."""
    shared: dict[str, Any] = {
        "network": "gated_resnet",
        "arguments": {"gate": gate, "classes": 101},
        "task": "photos",
        "epochs": 14,
        "learning_rate": 3e-3,
        "average": 0.995,
        "distil": 1.0,
        "class_token": 1.0,
        "patch_tokens": 1.0,
        "jitter": 0.3,
    }
    return Recipe(id=id, **(shared | different))
