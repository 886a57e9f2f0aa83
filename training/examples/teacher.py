"""The teacher's outputs for fixed views of the training photos, computed once and cached.

The teacher is ViT-Ti/16 at 224 px: the same 14 x 14 patch grid and the same width, 192, as the
student ViT has at 112 px. A student is given exactly the crop that its teacher saw (Beyer et al.
2022, "Knowledge distillation: a good teacher is patient and consistent").
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from fovea.models.catalog.torchvision_operators import declare_missing_operators
from training.examples.data import Examples
from training.examples.precision import mixed
from training.examples.views import centre_boxes, normalise, random_boxes, resample

TEACHER = "vit_tiny_patch16_224"
WEIGHTS_FILE = "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors"
TEACHER_PX = 224
SMALLEST_AREA = 0.4
BATCH = 256


@dataclass(frozen=True)
class Lessons:
    """The teacher's outputs.

    boxes: (view, photo, 4) · tokens: float16 (view, photo, token, channel), class token first ·
    logits: float32 (view, photo, class), from a linear head fitted on the class tokens.
    """

    boxes: Tensor
    tokens: Tensor
    logits: Tensor

    @property
    def views(self) -> int:
        """Number of views of each photo."""
        return len(self.boxes)

    def to(self, device: torch.device) -> "Lessons":
        """The same answers in another device's memory."""
        return Lessons(*(answers.to(device) for answers in vars(self).values()))


def load_teacher(folder: Path | None = None) -> nn.Module:
    """The ViT-Ti of timm with its ImageNet weights, from FOVEA_WEIGHTS_DIR by default."""
    declare_missing_operators()
    import timm  # after the declaration: timm imports torchvision

    folder = folder or Path(os.environ.get("FOVEA_WEIGHTS_DIR") or "weights")
    if not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(
            f"the teacher's weights, {WEIGHTS_FILE}, are not in the folder {folder}. "
            "Name their folder with FOVEA_WEIGHTS_DIR."
        )
    teacher: nn.Module = timm.create_model(TEACHER, pretrained=False)
    teacher.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return teacher.eval()


@torch.inference_mode()
def answer(teacher: nn.Module, images: Tensor, boxes: Tensor, device: torch.device) -> Tensor:
    """The teacher's last tokens, after its final norm: float16 (photo, token, channel)."""
    half = torch.tensor([0.5, 0.5, 0.5], device=device)
    answers = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH].to(device)
        crop = resample(batch, boxes[start : start + BATCH].to(device), TEACHER_PX, "bicubic")
        with mixed(device):
            tokens = teacher.forward_features(  # type: ignore[operator]
                normalise(crop.clamp(0, 255), half, half)
            )
        answers.append(tokens.half().cpu())
    return torch.cat(answers)


def fit_head(features: Tensor, labels: Tensor, classes: int, steps: int = 400) -> nn.Linear:
    """A linear classifier on the teacher's features: full-batch AdamW, weight decay 1e-2."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = nn.Linear(features.shape[1], classes).to(features.device)
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return head.requires_grad_(False)


def prepare_lessons(
    train: Examples, val: Examples, views: int, cache: Path, device: torch.device
) -> Lessons:
    """The lessons for `train`, from the cache file if it exists; prints the head's val score.

    views: the centre crop and `views - 1` random ones.
    """
    if cache.is_file():
        return Lessons(**torch.load(cache, mmap=True))
    teacher = load_teacher().to(device)
    generator = torch.Generator().manual_seed(0)
    boxes = [centre_boxes(len(train))]
    boxes += [random_boxes(len(train), SMALLEST_AREA, generator) for _ in range(views - 1)]
    tokens = []
    for number, view in enumerate(boxes):
        tokens.append(answer(teacher, train.images, view, device))
        print(f"teacher: view {number + 1} of {len(boxes)}", flush=True)
    class_tokens = torch.stack([view[:, 0].float() for view in tokens]).to(device)
    labels = train.labels.repeat(len(boxes)).to(device)
    head = fit_head(class_tokens.flatten(0, 1), labels, len(train.classes))
    seen = answer(teacher, val.images, centre_boxes(len(val)), device)[:, 0].float()
    score = (head(seen.to(device)).argmax(dim=1).cpu() == val.labels).float().mean().item()
    print(f"teacher: linear head, val top-1 {score:.4f}", flush=True)
    lessons = {
        "boxes": torch.stack(boxes),
        "tokens": torch.stack(tokens),
        "logits": head(class_tokens).cpu(),
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    torch.save(lessons, cache.with_suffix(".partial"))
    cache.with_suffix(".partial").replace(cache)
    return Lessons(**lessons)
