"""The recipes that the claims on CIFAR-10 vary: a small ResNet and a small ViT."""

from typing import Any

from training.recipes.recipe import Recipe


def residual(gate: str = "none") -> Recipe:
    """The ResNet of small photos with a gate in every block."""
    return Recipe(
        id="cifar_resnet",
        title="ResNet · CIFAR-10",
        summary="A small residual network.",
        mechanisms=(),
        citation="He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016",
        network="cifar_resnet",
        arguments={"gate": gate},
        task="cifar",
        epochs=18,
        batch=512,
        learning_rate=4e-3,
        warmup_epochs=2,
        average=0.99,
        ships=False,
    )


def vit(**arguments: Any) -> Recipe:
    """A ViT of 8 x 8 patches and 84 million multiply-adds a photo."""
    shape = {"classes": 10, "image_size": 32, "patch_size": 4, "dim": 128, "heads": 4}
    return Recipe(
        id="cifar_vit",
        title="ViT · CIFAR-10",
        summary="A small vision transformer.",
        mechanisms=("attention", "positional-encoding"),
        citation="Dosovitskiy et al.: An Image is Worth 16x16 Words: Transformers for Image "
        "Recognition at Scale, ICLR 2021",
        network="vit",
        arguments=shape | arguments,
        task="cifar",
        epochs=20,
        batch=512,
        learning_rate=1.5e-3,
        warmup_epochs=3,
        average=0.99,
        ships=False,
    )
