"""Captioning photos: first visual features from a teacher, then words from human captions.

The photo encoder starts from random weights, and 6,500 photos are few. So in the first epochs it is
distilled from ViT-Ti, on random crops and without words (Hinton et al. 2015). Then the whole
network learns the captions by teacher forcing, and distillation continues beside them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.networks.decoder import END, PAD, UNKNOWN
from training.examples.data import CANVAS_PX, decode, open_archive
from training.examples.precision import mixed
from training.examples.teacher import SMALLEST_AREA, TEACHER_PX
from training.examples.views import CROP_PX, centre_boxes, jitter, normalise, random_boxes, resample
from training.examples.words import Vocabulary, bleu, encode_all, words_of
from training.loop.task import Source
from training.recipes.recipe import Recipe
from training.tasks.photos import PREPROCESSING, Projections

LONGEST = 22
"""Maximum words of a training caption, START and END included; 97 in 100 captions are shorter."""

VAL_BATCH = 250
SMALLEST_PART = 0.6
"""Minimum fraction of a photo in a caption's crop: a smaller part may not show what it
describes.
"""

SOURCE = Source(
    data="Flickr8k (Hodosh, Young, Hockenmaier 2013), photos with five captions each: 6,500 to "
    "train, 500 to validate. BLEU on those 500, against all five captions, of lower-case words "
    "without punctuation (sacrebleu, unsmoothed). The photo encoder is taught by ViT-Ti/16 (timm, "
    "augreg_in21k_ft_in1k) on these photos and on the 6,245 of Caltech-101",
    licence="Weights trained for this project on Flickr8k, which is for research use: use them for "
    "research only. Caltech-101 is CC BY 4.0, the teacher under Apache-2.0",
)


@dataclass(frozen=True)
class Captioned:
    """Photos with human captions.

    images: uint8 (photo, 3, 128, 128) · captions: words, equally many captions for each photo.
    """

    images: Tensor
    captions: tuple[tuple[tuple[str, ...], ...], ...]

    def __len__(self) -> int:
        return len(self.images)


def load_captioned(folder: Path, name: str) -> Captioned:
    """Photos from an archive of JPEG files (`blob`, `offsets`) and `captions_json`."""
    archive = open_archive(folder, name)
    blob, offsets = archive["blob"].tobytes(), archive["offsets"].astype(np.int64).tolist()
    captions = json.loads(archive["captions_json"].tobytes().decode("utf-8"))
    return Captioned(
        images=decode([blob[start:end] for start, end in pairwise(offsets)], CANVAS_PX),
        captions=tuple(tuple(tuple(words_of(text)) for text in own) for own in captions),
    )


@dataclass(frozen=True)
class CaptionBatch:
    """Crops with the teacher's tokens and, once words are trained, the captions.

    inputs: (batch, 3, 112, 112) · tokens: (batch, 1 + patch, channel), class token first, each of
    zero mean and unit deviation · captions: int64 (batch, caption, length), or None.
    """

    inputs: Tensor
    tokens: Tensor
    captions: Tensor | None


def drop_words(words: Tensor, share: float) -> Tensor:
    """Replaces a random fraction of the words, except START, by UNKNOWN, which forces use of the
    photo.
    """
    dropped = (torch.rand(words.shape, device=words.device) < share) & (words > END)
    return words.masked_fill(dropped, UNKNOWN)


def word_loss(logits: Tensor, words: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of each word given those before it; (text, length, word) and (text, length)."""
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(),
        words[:, 1:].flatten(),
        ignore_index=PAD,
        label_smoothing=smoothing,
    )


class CaptionTask:
    """Flickr8k with a teacher for the encoder.

    others: uint8 (photo, 3, 128, 128), photos without captions for the first epochs · teacher: a
    timm network with `forward_features`, at 224 px. The recipe's task_arguments: `seeing`, the
    fraction of epochs before the words · `beside`, the weight of the teacher's loss terms after
    that · `word_dropout` · `beams` for the score.
    """

    kind = "captioning"
    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self,
        train: Captioned,
        val: Captioned,
        others: Tensor,
        teacher: nn.Module,
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        self.recipe, self.device = recipe, device
        texts = (caption for own in train.captions for caption in own)
        self.vocabulary = Vocabulary.of(texts, recipe.arguments["words"])
        self.classes = self.vocabulary.labels
        self.captions = encode_all(self.vocabulary, train.captions, LONGEST).to(device)
        self.val_images = val.images
        self.references = [[" ".join(caption) for caption in own] for own in val.captions]
        self.mean = torch.tensor(PREPROCESSING.mean, device=device)
        self.std = torch.tensor(PREPROCESSING.std, device=device)
        self.unscored = False
        self.arguments = recipe.task_arguments
        self.teacher = teacher.to(device).eval().requires_grad_(False)
        self.count = len(train)
        self.images = torch.cat([train.images, others]).to(device)

    def __len__(self) -> int:
        return self.count

    def teach(self, images: Tensor, boxes: Tensor) -> Tensor:
        """The teacher's tokens of the boxes, each of zero mean and unit deviation."""
        half = torch.full((3,), 0.5, device=self.device)
        with torch.no_grad(), mixed(self.device):
            crops = resample(images, boxes, TEACHER_PX, "bicubic").clamp(0, 255)
            tokens = self.teacher.forward_features(normalise(crops, half, half))  # type: ignore[operator]
        return F.layer_norm(tokens.float(), tokens.shape[2:])

    def batches(self, epoch: int) -> Iterator[CaptionBatch]:
        """In the distillation phase an epoch is a random half of all photos; later, all with
        captions.
        """
        seeing = epoch < round(self.arguments["seeing"] * self.recipe.epochs)
        self.unscored = seeing
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        pool = len(self.images) if seeing else self.count
        order = torch.randperm(pool, generator=generator)[: self.count].to(self.device)
        least = SMALLEST_AREA if seeing else SMALLEST_PART
        for chosen in torch.split(order, self.recipe.batch):
            boxes = random_boxes(len(chosen), least, generator)
            # A box of negative width is mirrored.
            boxes[:, 2] *= 1 - 2.0 * (torch.rand(len(chosen), generator=generator) < 0.5)
            boxes = boxes.to(self.device)
            images = self.images[chosen]
            crops = resample(images, boxes, CROP_PX)
            if self.recipe.jitter:
                crops = jitter(crops, self.recipe.jitter, generator)
            inputs = normalise(crops, self.mean, self.std)
            yield CaptionBatch(
                inputs=inputs.contiguous(memory_format=torch.channels_last),
                tokens=self.teach(images, boxes),
                captions=None if seeing else self.captions[chosen],
            )

    def companions(self, network: nn.Module) -> nn.Module:
        probe = torch.zeros(1, 3, CROP_PX, CROP_PX)
        with torch.no_grad():
            embedding, patches = network.eval().features(probe)  # type: ignore[operator]
        channels: int = self.teacher.num_features  # type: ignore[assignment]
        return Projections(embedding.shape[1], patches.shape[1], channels)

    def sight_error(self, project: Projections, patches: Tensor, tokens: Tensor) -> Tensor:
        """The distance of the encoder's patches, (batch, patch, dim), from the teacher's tokens."""
        recipe = self.recipe
        grid = patches.transpose(1, 2).unflatten(2, (round(patches.shape[1] ** 0.5), -1))
        guess = project.patch_tokens(grid).float().flatten(2).transpose(1, 2)
        whole = project.class_token(patches.mean(dim=1)).float()
        return recipe.patch_tokens * F.mse_loss(guess, tokens[:, 1:]) + (
            recipe.class_token * F.mse_loss(whole, tokens[:, 0])
        )

    def loss(self, network: nn.Module, companions: nn.Module, batch: CaptionBatch) -> Tensor:
        patches = network.encoder(batch.inputs)  # type: ignore[operator]
        error = self.sight_error(cast(Projections, companions), patches, batch.tokens)
        if batch.captions is None:
            return error
        # The captions of a photo share one encoder pass.
        memory = network.bridge(patches)  # type: ignore[operator]
        words = batch.captions.flatten(0, 1)
        shown = drop_words(words, self.arguments["word_dropout"])
        logits = network.decoder(memory, shown)  # type: ignore[operator]
        smoothing = self.recipe.label_smoothing
        beside: float = self.arguments["beside"]
        return word_loss(logits, words, smoothing) + beside * error

    @torch.inference_mode()
    def write(self, network: nn.Module, beams: int, low_precision: bool = False) -> list[str]:
        """The network's captions of the validation photos."""
        network.eval()
        sentences: list[str] = []
        for images in self.val_images.split(VAL_BATCH):
            images = images.to(self.device)
            crops = resample(images, centre_boxes(len(images)).to(self.device), CROP_PX)
            inputs = normalise(crops, self.mean, self.std)
            with mixed(self.device, low_precision):
                written = network.generate(inputs, beams=beams)  # type: ignore[operator]
            sentences += self.vocabulary.sentences(written)
        return sentences

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        """BLEU of captions by beam search and greedily; none before words are trained."""
        if self.unscored:
            return {}
        best, greedy = (
            bleu(self.write(network, beams, low_precision), self.references)
            for beams in (self.recipe.task_arguments["beams"], 1)
        )
        return {
            "val_bleu4": best.four,
            "val_bleu1": best.one,
            "val_bleu4_greedy": greedy.four,
            "val_bleu1_greedy": greedy.one,
        }
