"""Writing with a network that gives the next word: greedy and beam search, many texts at once.

Beam search as in Wu et al. 2016, section 7, with the log-probability of a text divided by a power
of its length, so that short texts are not the likelier ones for being short.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from fovea.models.networks.decoder import END, PAD, START, UNKNOWN

NextWord = Callable[[Tensor], Tensor]
"""From words int64 (text · beam, length) to the logits of the next word, (text · beam, word)."""


def next_log_probabilities(predict: NextWord, words: Tensor) -> Tensor:
    """Of each word to come next, (…, word), among those that may be written."""
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

    predict: gives the next word; rows of one text are neighbours · beams: how many beginnings of
    a text are followed; 1 is greedy · longest: words at most, END included; a text that is not at
    its end by then has none · length_power: the power of the length that divides a log-probability.
    no_repeat_ngram: so many words never stand twice in the same order in one text (Paulus et al.
    2017, section 2.5); 0 lets them. Raises ValueError where beams or longest is below 1.
    """
    if min(beams, longest) < 1:
        raise ValueError(f"beams and longest are at least 1, not {beams} and {longest}")
    words = torch.full((texts, beams, 1), START, dtype=torch.int64, device=device)
    # One beginning so far; the other beams are copies of it that must not be followed.
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
        # A text at its end goes on with PAD, at no cost.
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
    """(row, word) where the word would make the last `size` words of a row stand there twice."""
    for place, row in enumerate(words.tolist()):
        start = row[len(row) - size + 1 :]
        for at in range(1, len(row) - size + 1):  # START stands once.
            if row[at : at + size - 1] == start:
                yield place, row[at + size - 1]
