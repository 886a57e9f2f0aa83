"""Translating the sentences of a small grammar; all validation sentences are unseen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fovea.models.networks.decoder import END, PAD, SPECIAL, START
from training.examples.grammar import Pair, draw_pairs, source_words, vocabulary
from training.examples.precision import mixed
from training.examples.words import Vocabulary
from training.loop.task import Source
from training.recipes.recipe import Recipe
from training.tasks.captions import word_loss

VAL_SENTENCES = 1000
VAL_BATCH = 250
VAL_SEED = 1

SOURCE = Source(
    data="Sentences of a small grammar of this project's own, English and French: adjectives "
    "that change places, agreement, negation, pronouns. One sentence in ten, by a checksum of its "
    f"words, is never trained on; {VAL_SENTENCES:,} of those are for validation",
    licence="Weights trained for this project on sentences of its own; Apache-2.0 like the project",
)


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of unequal length as int64 (row, longest), PAD after the shorter ones."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


@dataclass(frozen=True)
class Sentences:
    """Pairs as numbers, PAD after the shorter ones.

    english: int64 (sentence, word), ending with END · french: int64 (sentence, word), from START to
    END.
    """

    english: Tensor
    french: Tensor

    @classmethod
    def of(cls, pairs: Sequence[Pair], words: Vocabulary) -> "Sentences":
        """The pairs with their words counted."""
        index = words.index
        return cls(
            padded([[*(index[word] for word in pair.english), END] for pair in pairs]),
            padded([[START, *(index[word] for word in pair.french), END] for pair in pairs]),
        )

    def __len__(self) -> int:
        return len(self.english)

    def to(self, device: torch.device) -> "Sentences":
        """The same sentences on another device."""
        return Sentences(self.english.to(device), self.french.to(device))

    def __getitem__(self, chosen: Tensor | slice) -> "Sentences":
        """Some of them."""
        return Sentences(self.english[chosen], self.french[chosen])


def exact_matches(written: Tensor, wanted: Tensor) -> Tensor:
    """The number of identical rows: int64 (row, length) both, PAD after the end."""
    missing = wanted.shape[1] - written.shape[1]
    if missing > 0:
        written = nn.functional.pad(written, (0, missing), value=PAD)
    elif missing < 0:
        wanted = nn.functional.pad(wanted, (0, -missing), value=PAD)
    return (written == wanted).all(dim=1).sum()


class SentenceTask:
    """New sentences for every epoch. The recipe's task_arguments: `sentences`, how many."""

    kind = "sequence"
    preprocessing = None
    source = SOURCE

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.vocabulary = Vocabulary((*SPECIAL, *vocabulary()))
        self.classes = self.vocabulary.labels
        self.source_words = source_words()
        pairs = draw_pairs(VAL_SENTENCES, VAL_SEED, held_out=True)
        self.val = Sentences.of(pairs, self.vocabulary).to(device)

    def __len__(self) -> int:
        count: int = self.recipe.task_arguments["sentences"]
        return count

    def batches(self, epoch: int) -> Iterator[Sentences]:
        pairs = draw_pairs(len(self), self.recipe.seed * 100_003 + epoch, held_out=False)
        for start in range(0, len(self), self.recipe.batch):
            chosen = pairs[start : start + self.recipe.batch]
            yield Sentences.of(chosen, self.vocabulary).to(self.device)

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: Sentences) -> Tensor:
        logits = network(batch.english, batch.french)
        return word_loss(logits, batch.french, self.recipe.label_smoothing)

    @torch.inference_mode()
    def score(
        self, network: nn.Module, device: torch.device, low_precision: bool
    ) -> dict[str, float]:
        """The fraction of unseen sentences whose greedy translation matches the grammar's
        exactly.
        """
        network.eval()
        right = torch.zeros((), dtype=torch.int64, device=device)
        for start in range(0, len(self.val), VAL_BATCH):
            batch = self.val[start : start + VAL_BATCH]
            with mixed(device, low_precision):
                written = network.generate(batch.english)  # type: ignore[operator]
            right += exact_matches(written, batch.french)
        return {"val_exact_match": right.item() / len(self.val)}
