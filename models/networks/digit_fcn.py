"""A digit classifier without convolutions, with and without a spatial transformer.

The FCN and ST-FCN of Jaderberg et al. 2015, table 1: a network without any notion of position gains
most from a transformer, and trains on any machine.
"""

from torch import Tensor, nn

from fovea.models.mechanisms.spatial_transformer import SpatialTransformer

CANVAS_PX = 60
WINDOW_PX = 28
LOCALISED = 32


def normalised_layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """Fully connected layer, batch norm, ReLU."""
    return nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()


class DigitFCN(nn.Module):
    """Canvas → spatial transformer → small image of the digit → fully connected layers.

    transformer: False omits it: the layers then see the whole canvas, and are narrower, so that
    both networks have nearly the same number of parameters.
    """

    def __init__(self, classes: int = 10, transformer: bool = True) -> None:
        super().__init__()
        self.transformer: nn.Module = nn.Identity()
        seen, width = CANVAS_PX**2, 128
        if transformer:
            localisation = nn.Sequential(
                nn.Flatten(), *normalised_layer(seen, 64), nn.Linear(64, LOCALISED), nn.Tanh()
            )
            window = (WINDOW_PX, WINDOW_PX)
            self.transformer = SpatialTransformer(localisation, LOCALISED, window)
            seen, width = WINDOW_PX**2, 240
        self.classifier = nn.Sequential(
            nn.Flatten(), *normalised_layer(seen, width), *normalised_layer(width, width // 2)
        )
        self.head = nn.Linear(width // 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, 1, 60, 60), light on dark; returns logits (batch, class)."""
        logits: Tensor = self.head(self.classifier(self.transformer(x)))
        return logits
