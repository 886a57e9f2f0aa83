"""Greedy and beam search for networks that predict the next word, many texts at once.

Beam search as in Wu et al. 2016, section 7: the log-probability of a text is divided by a power of
its length, so that short texts are not preferred for being short.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.networks.decoder import END, PAD, START, UNKNOWN

NextWord = Callable[[Tensor], Tensor]
"""Words int64 (text · beam, length) → logits of the next word, (text · beam, word)."""


def next_log_probabilities(predict: NextWord, words: Tensor) -> Tensor:
    """Log-probabilities of the next word, (…, word), among the permitted ones."""
    logits = predict(words).float()
    for never in (PAD, START, UNKNOWN):
        logits[:, never] = float("-inf")
    return F.log_softmax(logits, dim=1)


@torch.no_grad()
def write(
    predict: NextWord,
    texts: int,
    device: torch.device,
    beams: int = 1,
    longest: int = 20,
    length_power: float = 1.0,
    no_repeat_ngram: int = 0,
) -> Tensor:
    """The likeliest texts found: int64 (text, length) from START to END, PAD after END.

    predict: gives the next word; rows of one text are adjacent · beams: number of hypotheses of a
    text; 1 is greedy · longest: maximum number of words, END included; a text cut off there has no
    END · length_power: the power of the length that divides a log-probability · no_repeat_ngram:
    word sequences of this length never repeat in a text (Paulus et al. 2017, section 2.5); 0 for no
    limit. Raises ValueError if beams or longest is below 1.
    """
    if min(beams, longest) < 1:
        raise ValueError(f"beams and longest are at least 1, not {beams} and {longest}")
    words = torch.full((texts, beams, 1), START, dtype=torch.int64, device=device)
    # Initially one hypothesis; the other beams are copies of it and must not be expanded.
    scores = torch.full((texts, beams), float("-inf"), device=device)
    scores[:, 0] = 0
    lengths = torch.zeros((texts, beams), device=device)
    ended = torch.zeros((texts, beams), dtype=torch.bool, device=device)
    for _ in range(longest):
        following = next_log_probabilities(predict, words.flatten(0, 1)).view(texts, beams, -1)
        vocabulary = following.shape[2]
        if no_repeat_ngram:
            for row, next_word in _repeating(words.flatten(0, 1), no_repeat_ngram):
                following.view(-1, vocabulary)[row, next_word] = float("-inf")
        # A finished text is extended by PAD, at no cost.
        only_pad = torch.full_like(following[:1, :1], float("-inf"))
        only_pad[..., PAD] = 0
        following = torch.where(ended[:, :, None], only_pad, following)
        longer = lengths + (~ended).float()
        totals = scores[:, :, None] + following
        ranks = totals / longer[:, :, None] ** length_power
        chosen = ranks.flatten(1).topk(beams, dim=1).indices
        parent, word = chosen // vocabulary, chosen % vocabulary
        scores = totals.flatten(1).gather(1, chosen)
        lengths, ended = longer.gather(1, parent), ended.gather(1, parent)
        past = words.gather(1, parent[:, :, None].expand(-1, -1, words.shape[2]))
        words = torch.cat([past, word[:, :, None]], dim=2)
        ended = ended | (word == END)
        if bool(ended.all()):
            break
    best = (scores / lengths**length_power).argmax(dim=1)
    written = words[torch.arange(texts, device=device), best]
    used = (written != PAD).any(dim=0)
    return written[:, used]


def _repeating(words: Tensor, size: int) -> Iterator[tuple[int, int]]:
    """(row, word) where the word would repeat a sequence of `size` words in that row."""
    for place, row in enumerate(words.tolist()):
        start = row[len(row) - size + 1 :]
        for at in range(1, len(row) - size + 1):  # START occurs once
            if row[at : at + size - 1] == start:
                yield place, row[at + size - 1]
