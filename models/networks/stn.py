"""A digit classifier behind a spatial transformer (Jaderberg et al. 2015, section 4.1)."""

from torch import Tensor, nn

from models.mechanisms.spatial_transformer import SpatialTransformer


def normalised_convolution(inputs: int, outputs: int, size: int) -> tuple[nn.Module, ...]:
    """A convolution that keeps the size, batch norm, ReLU."""
    return (
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def localisation_network() -> nn.Sequential:
    """(batch, 1, 60, 60) to (batch, 64): where is the digit, how large, how turned?

    Normalised, and bounded at the end: with plain ReLUs all 64 features died early in training, and
    the transformer then read every canvas alike.
    """
    return nn.Sequential(
        nn.AvgPool2d(2),
        *normalised_convolution(1, 24, 5),
        nn.MaxPool2d(2),
        *normalised_convolution(24, 48, 5),
        nn.MaxPool2d(2),
        *normalised_convolution(48, 48, 3),
        nn.Flatten(),
        nn.Linear(48 * 7 * 7, 64),
        nn.Tanh(),
    )


class DigitSTN(nn.Module):
    """Canvas → spatial transformer → a small picture of the digit → convolutional classifier.

    transformer=False leaves the spatial transformer out: the same classifier then looks at the
    whole canvas at its full size, which is the control experiment.
    """

    def __init__(self, classes: int = 10, sampled_px: int = 32, transformer: bool = True) -> None:
        super().__init__()
        self.transformer = (
            SpatialTransformer(localisation_network(), 64, (sampled_px, sampled_px))
            if transformer
            else nn.Identity()
        )
        self.classifier = nn.Sequential(
            *normalised_convolution(1, 32, 3),
            nn.MaxPool2d(2),
            *normalised_convolution(32, 64, 3),
            nn.MaxPool2d(2),
            *normalised_convolution(64, 96, 3),
            # The same 4 x 4 places from the sampled picture and from the whole canvas.
            nn.AdaptiveMaxPool2d(4),
            nn.Flatten(),
            nn.Linear(96 * 16, 128),
            nn.ReLU(),
        )
        self.head = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 1, 60, 60), light on dark; returns logits (batch, class)."""
        logits: Tensor = self.head(self.classifier(self.transformer(x)))
        return logits
