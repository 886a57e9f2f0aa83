"""Classifying photos from labels and from a teacher's outputs for the same crops."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.examples.data import CANVAS_PX, Examples
from training.examples.teacher import Lessons
from training.examples.views import CROP_PX, centre_boxes, jitter, normalise, resample
from training.loop.task import Preprocessing, Source, top1
from training.recipes.recipe import Recipe

VAL_BATCH = 217

PREPROCESSING = Preprocessing(
    resize_px=CANVAS_PX,
    crop_px=(CROP_PX, CROP_PX),
    interpolation="bicubic",
    channels=3,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
SOURCE = Source(
    data="Caltech-101 (Li, Andreeto, Ranzato, Perona 2022), photos of 101 object classes: 6,245 to "
    "train, 868 to validate; distilled from ViT-Ti/16 (timm, augreg_in21k_ft_in1k)",
    licence="Weights trained for this project on Caltech-101 (CC BY 4.0) with a teacher under "
    "Apache-2.0",
)


@dataclass(frozen=True)
class PhotoBatch:
    """Crops with their labels and the teacher's outputs.

    inputs: (batch, 3, 112, 112) · labels: (batch,) · logits: (batch, class) · tokens: (batch, 1 +
    patch, channel), class token first · keep: int64 (batch, kept), the patches given to the
    student, or None for all.
    """

    inputs: Tensor
    labels: Tensor
    logits: Tensor
    tokens: Tensor
    keep: Tensor | None = None


class Projections(nn.Module):
    """From the student's class embedding and feature map to the teacher's tokens."""

    def __init__(self, embedding: int, channels: int, teacher_channels: int) -> None:
        super().__init__()
        self.class_token = nn.Linear(embedding, teacher_channels)
        self.patch_tokens = nn.Conv2d(channels, teacher_channels, 1)


def flip_patches(tokens: Tensor, flipped: Tensor) -> Tensor:
    """The tokens of the mirrored picture: the columns of the patch grid are reversed.

    tokens: (batch, 1 + patch, channel) · flipped: bool (batch,).
    """
    side = round((tokens.shape[1] - 1) ** 0.5)
    patches = tokens[:, 1:].reshape(len(tokens), side, side, -1).flip(2).flatten(1, 2)
    mirrored = torch.cat([tokens[:, :1], patches], dim=1)
    return torch.where(flipped[:, None, None], mirrored, tokens)


def coarser(tokens: Tensor, side: int) -> Tensor:
    """The patch tokens of a square grid averaged over the cells of a coarser one.

    tokens: (batch, 1 + patch, channel) · returns (batch, 1 + side², channel).
    """
    finer = round((tokens.shape[1] - 1) ** 0.5)
    places = tokens[:, 1:].transpose(1, 2).unflatten(2, (finer, finer))
    patches = F.adaptive_avg_pool2d(places, side).flatten(2).transpose(1, 2)
    return torch.cat([tokens[:, :1], patches], dim=1)


def random_patches(batch: int, patches: int, share: float, generator: torch.Generator) -> Tensor:
    """A random fraction of each photo's patches, in order: int64 (batch, kept)."""
    order = torch.rand((batch, patches), generator=generator).argsort(dim=1)
    return order[:, : round(share * patches)].sort(dim=1).values


class PhotoTask:
    """The training photos in the views with teacher outputs, mirrored at random.

    task_arguments: patches_a_side, for a student whose patches are larger than the teacher's.
    """

    kind = "classification"
    preprocessing = PREPROCESSING
    source = SOURCE

    def __init__(
        self, train: Examples, val: Examples, lessons: Lessons, recipe: Recipe, device: torch.device
    ) -> None:
        # A GPU holds the teacher's outputs in memory; elsewhere they stay in their file.
        self.lessons = lessons.to(device) if device.type == "cuda" else lessons
        self.train, self.val = train.to(device), val.to(device)
        self.recipe, self.device = recipe, device
        self.classes = train.classes
        self.mean = torch.tensor(PREPROCESSING.mean, device=device)
        self.std = torch.tensor(PREPROCESSING.std, device=device)

    def __len__(self) -> int:
        return len(self.train)

    def batches(self, epoch: int) -> Iterator[PhotoBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(self.train), generator=generator)
        for chosen in torch.split(order, self.recipe.batch):
            view = torch.randint(self.lessons.views, chosen.shape, generator=generator)
            flipped = torch.rand(len(chosen), generator=generator) < 0.5
            chosen, view = chosen.to(self.device), view.to(self.device)
            mirror = flipped.to(self.device)
            boxes, logits, tokens = (
                answers[view, chosen]
                for answers in (self.lessons.boxes, self.lessons.logits, self.lessons.tokens)
            )
            crops = resample(self.train.images[chosen], boxes, CROP_PX)
            crops = torch.where(mirror[:, None, None, None], crops.flip(3), crops)
            if self.recipe.jitter:
                crops = jitter(crops, self.recipe.jitter, generator)
            tokens = tokens.float()
            if side := self.recipe.task_arguments.get("patches_a_side"):
                tokens = coarser(tokens, side)
            keep = None
            if epoch < self.recipe.thinned_epochs:
                patches = tokens.shape[1] - 1
                keep = random_patches(len(chosen), patches, self.recipe.thinned_to, generator)
                keep = keep.to(self.device)
            yield PhotoBatch(
                inputs=normalise(crops, self.mean, self.std),
                labels=self.train.labels[chosen],
                logits=logits,
                tokens=flip_patches(tokens, mirror),
                keep=keep,
            )

    def companions(self, network: nn.Module) -> nn.Module:
        probe = torch.zeros(1, 3, CROP_PX, CROP_PX)
        with torch.no_grad():
            embedding, patches = network.eval().features(probe)  # type: ignore[operator]
        return Projections(embedding.shape[1], patches.shape[1], self.lessons.tokens.shape[3])

    def loss(self, network: nn.Module, companions: nn.Module, batch: PhotoBatch) -> Tensor:
        recipe, project = self.recipe, cast(Projections, companions)
        target = batch.tokens
        if batch.keep is None:
            embedding, patches = network.features(batch.inputs)  # type: ignore[operator]
        else:
            embedding, patches = network.features(batch.inputs, batch.keep)  # type: ignore[operator]
            kept = torch.cat([torch.zeros_like(batch.keep[:, :1]), batch.keep + 1], dim=1)
            target = target.gather(1, kept.unsqueeze(2).expand(-1, -1, target.shape[2]))
        logits = network.head(embedding).float()  # type: ignore[operator]
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=recipe.label_smoothing)
        # Each token is normalised to zero mean and unit deviation, so the error is a fraction of 1.
        target = F.layer_norm(target, target.shape[2:])
        if recipe.distil:
            taught = F.softmax(batch.logits, dim=1)
            loss = loss + recipe.distil * F.cross_entropy(logits, taught)
        if recipe.class_token:
            guess = project.class_token(embedding).float()
            loss = loss + recipe.class_token * F.mse_loss(guess, target[:, 0])
        if recipe.patch_tokens:
            guess = project.patch_tokens(patches).float().flatten(2).transpose(1, 2)
            loss = loss + recipe.patch_tokens * F.mse_loss(guess, target[:, 1:])
        return loss

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The centre crops of the validation photos, as inputs, with their labels."""
        for images, labels in zip(
            self.val.images.split(VAL_BATCH), self.val.labels.split(VAL_BATCH), strict=True
        ):
            crops = resample(images, centre_boxes(len(images)).to(self.device), CROP_PX)
            yield normalise(crops, self.mean, self.std), labels

    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        return {"val_top1": top1(network, self.held_out(), device, low_precision)}
