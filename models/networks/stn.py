"""Classifiers with spatial transformers (Jaderberg et al. 2015): for digits and for traffic
signs.
"""

from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import (
    ComposedSpatialTransformer,
    Look,
    SpatialTransformer,
)

WINDOW_PX = 28
"""The side of the window that a look at a canvas samples."""

LOCALISED = 48
"""Output features of a digit's localisation network."""

LOOKS = ("first", "second")


def normalised_convolution(
    inputs: int, outputs: int, size: int, stride: int = 1
) -> tuple[nn.Module, ...]:
    """A convolution that keeps the size or divides it by the stride, batch norm, ReLU."""
    return (
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def localisation_network() -> nn.Sequential:
    """(batch, 1, 60, 60) to (batch, 48): position, size and rotation of the digit.

    Normalised, with a bounded output: with plain ReLUs all features died early in training, and the
    transformer then sampled every canvas alike.
    """
    return nn.Sequential(
        *normalised_convolution(1, 16, 5),
        nn.MaxPool2d(2),
        *normalised_convolution(16, 32, 5),
        nn.MaxPool2d(2),
        *normalised_convolution(32, 64, 3),
        nn.MaxPool2d(2),
        *normalised_convolution(64, 64, 3),
        *normalised_convolution(64, 96, 3, stride=2),
        nn.Flatten(),
        nn.Linear(96 * 4 * 4, LOCALISED),
        nn.Tanh(),
    )


def mending_network() -> nn.Sequential:
    """(batch, 1, 28, 28) to (batch, 48): the remaining error of the digit's window."""
    return nn.Sequential(
        *normalised_convolution(1, 32, 3),
        nn.MaxPool2d(2),
        *normalised_convolution(32, 64, 3),
        *normalised_convolution(64, 64, 3),
        nn.MaxPool2d(2),
        *normalised_convolution(64, 96, 3),
        *normalised_convolution(96, 96, 3, stride=2),
        nn.Flatten(),
        nn.Linear(96 * 4 * 4, LOCALISED),
        nn.Tanh(),
    )


class DigitSTN(nn.Module):
    """Canvas → spatial transformer → small image of the digit → convolutional classifier.

    The first look sees the whole canvas and finds the digit; the second sees the window and
    corrects its rotation and frame.

    looks: number of looks, at most two; 0 is the control experiment, in which the same classifier
    sees the whole canvas at full size.
    """

    def __init__(self, classes: int = 10, looks: int = 2) -> None:
        super().__init__()
        self.transformer: nn.Module = nn.Identity()
        if looks:
            self.transformer = ComposedSpatialTransformer(
                {
                    name: Look(
                        localisation_network() if name == LOOKS[0] else mending_network(),
                        LOCALISED,
                        (WINDOW_PX, WINDOW_PX),
                    )
                    for name in LOOKS[:looks]
                }
            )
        self.classifier = nn.Sequential(
            *normalised_convolution(1, 32, 3),
            nn.MaxPool2d(2),
            *normalised_convolution(32, 64, 3),
            nn.MaxPool2d(2),
            *normalised_convolution(64, 96, 3),
            # The same 4 x 4 positions from the sampled image and from the whole canvas.
            nn.AdaptiveMaxPool2d(4),
            nn.Flatten(),
            nn.Linear(96 * 16, 96),
            nn.ReLU(),
        )
        self.head = nn.Linear(96, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 1, 60, 60), light on dark; returns logits (batch, class)."""
        logits: Tensor = self.head(self.classifier(self.transformer(x)))
        return logits


class SignSTN(nn.Module):
    """Photo → spatial transformer → convolutions → spatial transformer → convolutions → head.

    The second transformer samples the feature map, at half the photo's size (section 3.4 of the
    paper: transformers may be inserted at any depth). transformer=False omits both.
    """

    def __init__(self, classes: int = 43, side_px: int = 32, transformer: bool = True) -> None:
        super().__init__()
        self.transformer: nn.Module = nn.Identity()
        self.inner_transformer: nn.Module = nn.Identity()
        if transformer:
            self.transformer = SpatialTransformer(
                small_localisation_network(3, pool=2), 32, (side_px, side_px)
            )
            self.inner_transformer = SpatialTransformer(
                small_localisation_network(48, pool=1), 32, (side_px // 2, side_px // 2)
            )
        self.lower = nn.Sequential(
            *normalised_convolution(3, 32, 3), *normalised_convolution(32, 48, 3), nn.MaxPool2d(2)
        )
        self.upper = nn.Sequential(
            *normalised_convolution(48, 96, 3),
            nn.MaxPool2d(2),
            *normalised_convolution(96, 128, 3),
            nn.AdaptiveMaxPool2d(3),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(128 * 9, 96),
            nn.ReLU(),
        )
        self.head = nn.Linear(96, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 3, 32, 32); returns logits (batch, class)."""
        inner = self.inner_transformer(self.lower(self.transformer(x)))
        logits: Tensor = self.head(self.upper(inner))
        return logits


def small_localisation_network(channels: int, pool: int) -> nn.Sequential:
    """(batch, channels, 16 · pool, …) to (batch, 32)."""
    return nn.Sequential(
        nn.AvgPool2d(pool),
        *normalised_convolution(channels, 24, 3),
        nn.MaxPool2d(2),
        *normalised_convolution(24, 32, 3),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 16, 32),
        nn.Tanh(),
    )
