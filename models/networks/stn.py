"""A digit classifier behind a spatial transformer (Jaderberg et al. 2015, section 4.1)."""

from torch import Tensor, nn

from models.mechanisms.spatial_transformer import SpatialTransformer


def localisation_network() -> nn.Sequential:
    """(batch, 1, 60, 60) to (batch, 64): where is the digit, how large, how turned?"""
    return nn.Sequential(
        nn.AvgPool2d(2),
        nn.Conv2d(1, 24, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 48, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(48, 48, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48 * 7 * 7, 64),
        nn.ReLU(),
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
            nn.Conv2d(1, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 96, 3, padding=1, bias=False),
            nn.BatchNorm2d(96),
            nn.ReLU(),
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
