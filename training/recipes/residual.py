"""Shared by the gated residual networks: only the gate and the description differ."""

from typing import Any

from training.recipes.recipe import Recipe

BEGUN: dict[str, Any] = {
    "starts_from": "eca_resnet",
    "epochs": 6,
    "learning_rate": 1e-3,
    "warmup_epochs": 0.3,
    "batch": 64,
    "average": 0.995,
    "views": 5,
}
"""For a network that starts from another's weights and trains its own attention."""


def residual_recipe(id: str, gate: str, **different: Any) -> Recipe:
    """The recipe of a gated ResNet on the photos; `different` overrides or completes it."""
    shared: dict[str, Any] = {
        "network": "gated_resnet",
        "arguments": {"gate": gate, "classes": 101},
        "task": "photos",
        "epochs": 110,
        "learning_rate": 4e-3,
        "warmup_epochs": 5,
        "batch": 256,
        "average": 0.998,
        "views": 16,
        "distil": 1.0,
        "class_token": 1.0,
        "patch_tokens": 1.0,
        "jitter": 0.4,
    }
    return Recipe(id=id, **(shared | different))
