"""Learning to caption on a CPU: what a trained ResNet sees of each photo is kept, words are learnt.

The maps of a few views of every photo are computed once by the trunk that the recipe starts from,
and stay as they are; the encoder's attention and the decoder learn from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.decoder import PAD
from models.networks.trunk import TrunkPatches
from training.captions import Captioned, CaptionScores, drop_words
from training.precision import mixed
from training.recipe import Recipe
from training.task import Source
from training.views import centre_boxes, random_boxes

BATCH = 125
SMALLEST_PART = 0.6
SCORED = 2
"""So many epochs at the end are scored."""

SOURCE = Source(
    data="Flickr8k (Hodosh, Young, Hockenmaier 2013), photos with five captions each: 6,500 to "
    "train, 500 to validate. BLEU on those 500, against all five captions, of lower-case words "
    "without punctuation (sacrebleu, unsmoothed). The convolutions are those of eca_resnet, learnt "
    "on Caltech-101 with ViT-Ti/16 (timm, augreg_in21k_ft_in1k) for a teacher",
    licence="Weights trained for this project on Flickr8k, which is for research use: use them for "
    "research only. Caltech-101 is CC BY 4.0, the teacher under Apache-2.0",
)


@dataclass(frozen=True)
class MapBatch:
    """fine: (batch, 160, 14, 14) · deep: (batch, 320, 7, 7) · captions: (batch, each, length)."""

    fine: Tensor
    deep: Tensor
    captions: Tensor


def view_boxes(photos: int, views: int) -> list[Tensor]:
    """The centre crop, the mirrored one, and random crops mirrored by turns; each (photo, 4)."""
    generator = torch.Generator().manual_seed(0)
    boxes = [centre_boxes(photos) for _ in range(min(views, 2))]
    boxes += [random_boxes(photos, SMALLEST_PART, generator) for _ in range(views - 2)]
    mirror = torch.tensor([1.0, 1.0, -1.0, 1.0])  # a box of negative width is the mirrored one
    return [box * mirror if number % 2 else box for number, box in enumerate(boxes)]


class MapCaptionTask(CaptionScores):
    """Flickr8k as a trunk sees it.

    The recipe's task_arguments: `views` of each photo · `captions` of each that a step learns ·
    `length` of a caption at most, START and END included · `word_dropout` · `beams` for the score.
    """

    source = SOURCE

    def __init__(
        self,
        train: Captioned,
        val: Captioned,
        trunk: TrunkPatches,
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        super().__init__(train, val, recipe, device)
        self.captions = self.captions[:, :, : recipe.task_arguments["length"]]
        trunk = trunk.to(device).eval()
        boxes = view_boxes(len(train), recipe.task_arguments["views"])
        self.views = []
        for number, own in enumerate(boxes):
            self.views.append(self.seen(train.images, own, trunk))
            print(f"{recipe.id}: view {number + 1} of {len(boxes)}", flush=True)

    def __len__(self) -> int:
        return len(self.captions)

    @torch.inference_mode()
    def seen(self, images: Tensor, boxes: Tensor, trunk: TrunkPatches) -> tuple[Tensor, Tensor]:
        """The trunk's two maps of the boxes, bfloat16."""
        fine, deep = [], []
        for inputs in self.crops(images, boxes, BATCH):
            with mixed(self.device):
                maps = trunk.maps(inputs.contiguous(memory_format=torch.channels_last))
            fine.append(maps[0].bfloat16())
            deep.append(maps[1].bfloat16())
        return torch.cat(fine), torch.cat(deep)

    def batches(self, epoch: int) -> Iterator[MapBatch]:
        # The score is dear on a CPU, and the first epochs are not what ships.
        self.unscored = epoch + SCORED < self.recipe.epochs
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        view = torch.randint(len(self.views), (len(self),), generator=generator)
        each = self.recipe.task_arguments["captions"]
        for chosen in torch.split(
            torch.randperm(len(self), generator=generator), self.recipe.batch
        ):
            pairs = list(zip(view[chosen].tolist(), chosen.tolist(), strict=True))
            fine, deep = (
                torch.stack([self.views[number][which][photo] for number, photo in pairs]).float()
                for which in (0, 1)
            )
            yield MapBatch(fine=fine, deep=deep, captions=self.told(chosen, each, generator))

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: MapBatch) -> Tensor:
        encoder, decoder = network.encoder, network.decoder
        patches = encoder.patches.join(batch.fine, batch.deep)  # type: ignore[union-attr, operator]
        memory = network.bridge(encoder.look(patches))  # type: ignore[union-attr, operator]
        words = batch.captions.flatten(0, 1)
        shown = drop_words(words, self.recipe.task_arguments["word_dropout"])
        thoughts = decoder.thoughts(memory, shown, None)  # type: ignore[union-attr, operator]
        # The vocabulary is dear: only what is followed by a word is compared with it.
        followed = words[:, 1:] != PAD
        logits = F.linear(thoughts[:, :-1][followed], decoder.embedding.weight)  # type: ignore[union-attr, arg-type]
        smoothing = self.recipe.label_smoothing
        return F.cross_entropy(logits.float(), words[:, 1:][followed], label_smoothing=smoothing)
