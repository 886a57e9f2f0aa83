"""The tasks by name: from a recipe and the data folder to the task with its data in memory."""

from collections.abc import Callable
from pathlib import Path

import torch

from training.examples.data import load_digits, load_photos
from training.examples.rooms.collection import HELD_OUT_FROM, kept_rooms
from training.examples.teacher import load_teacher, prepare_lessons
from training.loop.export import RUNS
from training.loop.task import Task
from training.recipes.recipe import Recipe
from training.tasks.captions import CaptionTask, load_captioned
from training.tasks.cifar import CifarTask, load_cifar
from training.tasks.digits import DigitTask
from training.tasks.photos import PhotoTask
from training.tasks.segmentation import RoomTask
from training.tasks.sentences import SentenceTask
from training.tasks.signs import SignTask, load_signs


def digits(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """Digits on distorted and cluttered canvases."""
    train, val = (load_digits(folder, f"mnist_{part}") for part in ("train", "val"))
    return DigitTask(train, val, recipe, device)


def photos(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """Caltech-101 with a teacher."""
    train, val = (load_photos(folder, f"caltech101_{part}") for part in ("train", "val"))
    cache = RUNS / "lessons" / f"caltech101_{recipe.views}_views.pt"
    return PhotoTask(
        train, val, prepare_lessons(train, val, recipe.views, cache, device), recipe, device
    )


def signs(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """German traffic signs."""
    train, val = (load_signs(folder, f"gtsrb32_{part}") for part in ("train", "val"))
    return SignTask(train, val, recipe, device)


def captions(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """Flickr8k with a teacher, which also uses Caltech-101."""
    train, val = (load_captioned(folder, f"flickr8k_{part}") for part in ("train", "val"))
    others = load_photos(folder, "caltech101_train").images
    return CaptionTask(train, val, others, load_teacher(), recipe, device)


def rooms(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """Drawn rooms.

    task_arguments: number of training rooms (rooms) and held-out rooms (held_out); their side
    (size_px).
    """
    asked = recipe.task_arguments
    train, val = (
        kept_rooms(RUNS / "rooms", first, asked[part], asked["size_px"])
        for first, part in ((0, "rooms"), (HELD_OUT_FROM, "held_out"))
    )
    return RoomTask(train, val, recipe, device)


def cifar(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """CIFAR-10, for the claims; the held-out photos are from its test part."""
    train, val = (load_cifar(folder, f"cifar10_{part}") for part in ("train", "test"))
    return CifarTask(train, val, recipe, device)


def sentences(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """A small grammar, which needs no data."""
    return SentenceTask(recipe, device)


TASKS: dict[str, Callable[[Recipe, Path, torch.device], Task]] = {
    "digits": digits,
    "photos": photos,
    "signs": signs,
    "cifar": cifar,
    "captions": captions,
    "sentences": sentences,
    "rooms": rooms,
}


def open_task(recipe: Recipe, folder: Path, device: torch.device) -> Task:
    """The recipe's task; ValueError lists the valid names."""
    if recipe.task not in TASKS:
        raise ValueError(f"unknown task {recipe.task!r}; valid: {', '.join(TASKS)}")
    return TASKS[recipe.task](recipe, folder, device)
