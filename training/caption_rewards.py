"""Learning to caption from rewards: the network writes, and what people would say is made likelier.

Teacher forcing asks for each word after people's words; the score is of whole captions after its
own. So a captioner that has learnt its words by teacher forcing writes several captions of each
photo by chance and learns by policy gradient: every caption is made likelier by how much better
than the others of its photo it is (Rennie et al. 2017, "Self-critical Sequence Training for Image
Captioning", with the mean of the others for the baseline, Luo 2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor, nn

from models.networks.decoder import END, PAD, START
from models.networks.search import NextWord, next_log_probabilities
from training.caption_maps import BATCH, SOURCE, view_boxes
from training.captions import Captioned, CaptionScores, word_loss
from training.precision import mixed
from training.recipe import Recipe

TYPICAL = (0.5, 0.25, 0.1, 0.05)
"""The shares of a captioner's words, pairs, threes and fours that are right, by and large."""


@dataclass(frozen=True)
class RewardBatch:
    """What the words look at, and what people said.

    memory: (batch, patch, word_dim) · captions: int64 (batch, caption, length), some of the
    references · references: all of each photo's.
    """

    memory: Tensor
    captions: Tensor
    references: tuple[tuple[str, ...], ...]


def sample(predict: NextWord, texts: int, longest: int, device: torch.device) -> Tensor:
    """Texts drawn word by word as likely as the network has them: int64 (text, length).

    From START to END, PAD after END · predict: as for `models.networks.search.write` · longest:
    words at most, END included; a text that is not at its end by then has none.
    """
    words = torch.full((texts, 1), START, dtype=torch.int64, device=device)
    ended = torch.zeros(texts, dtype=torch.bool, device=device)
    for _ in range(longest):
        following = torch.multinomial(next_log_probabilities(predict, words).exp(), 1).squeeze(1)
        following = following.masked_fill(ended, PAD)
        words = torch.cat([words, following[:, None]], dim=1)
        ended = ended | (following == END)
        if bool(ended.all()):
            break
    return words


def rewards(written: Sequence[str], references: Sequence[Sequence[str]], single: int = 1) -> Tensor:
    """How much each text adds to BLEU-4 of all the texts together: (text,).

    A single caption seldom has four words right in a row, so its own BLEU says little. The
    logarithm of all texts' BLEU grows by 1/4 of each share of right n-grams over that share's
    usual size, `TYPICAL`; that is what a text is worth, less where it is short (sacrebleu counts).
    single: how often the share of single words counts, for BLEU-1 is looked at too.
    """
    metric = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    found = []
    for text, own in zip(written, references, strict=True):
        score = metric.sentence_score(text, list(own))
        shares = [
            right / max(1, possible) / usual
            for right, possible, usual in zip(score.counts, score.totals, TYPICAL, strict=True)
        ]
        total = (single - 1) * shares[0] + sum(shares)
        found.append(score.bp * total / (single - 1 + len(TYPICAL)))
    return torch.tensor(found)


def advantages(rewarded: Tensor) -> Tensor:
    """How much better each text is than the mean of the others of its photo: (photo, text)."""
    others = rewarded.shape[1] - 1
    return rewarded - (rewarded.sum(dim=1, keepdim=True) - rewarded) / others


class RewardCaptionTask(CaptionScores):
    """Flickr8k as a trained encoder sees it; the decoder learns from rewards.

    begun: the captioner that the recipe starts from, whose encoder and bridge the recipe freezes.
    The recipe's task_arguments: `views` of each photo · `samples`, captions written of each photo
    in a step · `longest`, words of such a caption · `single`, as for `rewards` · `beside`, the
    weight of teacher forcing, which keeps the captions English, and `captions`, how many of each
    photo it is given · `beams` for the score.
    """

    source = SOURCE

    def __init__(
        self,
        train: Captioned,
        val: Captioned,
        begun: nn.Module,
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        super().__init__(train, val, recipe, device)
        self.people = tuple(tuple(" ".join(words) for words in own) for own in train.captions)
        self.arguments = recipe.task_arguments
        begun = begun.to(device).eval()
        self.views = []
        for boxes in view_boxes(len(train), self.arguments["views"]):
            self.views.append(self.seen(train.images, boxes, begun))
            print(f"{recipe.id}: view {len(self.views)} of {self.arguments['views']}", flush=True)

    def __len__(self) -> int:
        return len(self.people)

    @torch.inference_mode()
    def seen(self, images: Tensor, boxes: Tensor, network: nn.Module) -> Tensor:
        """What the words look at, for the boxes: bfloat16 (photo, patch, word_dim)."""
        memory = []
        for inputs in self.crops(images, boxes, BATCH):
            with mixed(self.device):
                memory.append(network.memory(inputs).bfloat16())  # type: ignore[operator]
        return torch.cat(memory)

    def batches(self, epoch: int) -> Iterator[RewardBatch]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        view = torch.randint(len(self.views), (len(self),), generator=generator)
        order = torch.randperm(len(self), generator=generator)
        for chosen in torch.split(order, self.recipe.batch):
            photos = chosen.tolist()
            memory = torch.stack([self.views[int(view[photo])][photo] for photo in photos])
            yield RewardBatch(
                memory.float(),
                self.told(chosen, self.arguments["captions"], generator),
                tuple(self.people[photo] for photo in photos),
            )

    def companions(self, network: nn.Module) -> nn.Module:
        return nn.Identity()

    def loss(self, network: nn.Module, companions: nn.Module, batch: RewardBatch) -> Tensor:
        decoder, memory = network.decoder, batch.memory
        samples: int = self.arguments["samples"]

        def predict(words: Tensor) -> Tensor:
            logits: Tensor = decoder.next_word(memory, words)  # type: ignore[union-attr, operator]
            return logits

        with torch.no_grad():
            words = sample(predict, len(memory) * samples, self.arguments["longest"], memory.device)
            references = [own for own in batch.references for _ in range(samples)]
            written = self.vocabulary.sentences(words)
            rewarded = rewards(written, references, self.arguments["single"])
        better = advantages(rewarded.view(-1, samples)).flatten().to(memory.device)
        loss = policy_loss(decoder(memory, words), words, better)  # type: ignore[operator]
        forced = batch.captions.flatten(0, 1)
        beside: float = self.arguments["beside"]
        return loss + beside * word_loss(decoder(memory, forced), forced, 0.0)  # type: ignore[operator]


def policy_loss(logits: Tensor, words: Tensor, better: Tensor) -> Tensor:
    """Whose gradient is that of the expected reward, with its sign turned (Williams 1992).

    logits: (text, length, word), of the word after each · words: (text, length) · better: (text,).
    A mean over the words that were written.
    """
    written = words[:, 1:]
    chosen = -F.cross_entropy(
        logits[:, :-1].transpose(1, 2).float(), written, ignore_index=PAD, reduction="none"
    )
    return -(chosen * better[:, None]).sum() / (written != PAD).sum()
