"""A long-lived process: threads, several networks, many passes, each as its first one was."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models import networks
from fovea.models.capture import capture
from fovea.models.records import Trace

PASSES = 20


class Attending(nn.Module):
    """Tokens of a photo, gated one by one, that attend in a way of their own."""

    def __init__(self, attend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.patches, self.one, self.attend = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 1), attend

    def forward(self, photo: Tensor) -> Tensor:
        tokens = self.patches(photo).flatten(2).transpose(1, 2)
        return self.attend(tokens * self.one(tokens).sigmoid()).mean(1)


def hard(tokens: Tensor) -> Tensor:
    best = (tokens @ tokens.mT).argmax(-1, keepdim=True)
    return tokens.gather(1, best.expand_as(tokens))


def several() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return {
        "written out": Attending(lambda t: (t @ t.mT).softmax(-1) @ t),
        "fused": Attending(lambda t: F.scaled_dot_product_attention(t, t, t)),
        "hard": Attending(hard),
        "torch's encoder": Attending(nn.TransformerEncoder(layer, 2)),
        **{
            gate: networks.build("gated_resnet", gate=gate, classes=3)
            for gate in ("se", "cbam", "coordinate")
        },
    }


class Seen(NamedTuple):
    """One pass: what came out, and all that was seen of it."""

    output: Tensor
    sites: list[Any]
    unseen: list[Any]
    values: list[Tensor]

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Seen)
        return (
            torch.equal(self.output, other.output)
            and (self.sites, self.unseen) == (other.sites, other.unseen)
            and all(map(torch.equal, self.values, other.values))
        )


def seen(output: Tensor, trace: Trace) -> Seen:
    values = [
        value
        for site in trace.sites
        for name in site.tensors.__dataclass_fields__
        if isinstance(value := getattr(site.tensors, name), Tensor)
    ]
    return Seen(
        output,
        [(site.kind, site.name, site.note) for site in trace.sites],
        [(one.what, one.module, one.reason, one.times) for one in trace.unseen],
        values,
    )


def test_two_threads_and_seven_networks_see_in_every_pass_what_the_first_saw() -> None:
    found = {name: module.eval() for name, module in several().items()}
    photos = [torch.randn(batch, 3, 32, 48) for batch in (1, 2)]

    def watched(name: str, photo: Tensor) -> Seen:
        with torch.inference_mode(), capture(found[name]) as recording:
            output = found[name](photo)
        return seen(output, recording.trace)

    first = {(name, i): watched(name, photo) for name in found for i, photo in enumerate(photos)}
    other: list[str] = []

    def passes(begin: int) -> None:
        for number in range(PASSES * 2):
            # Each thread goes another way round, and some passes are not watched at all.
            name = list(found)[(begin + (3 + begin) * number) % len(found)]
            which = number // 3 % 2
            if number % 5 == 4:
                with torch.inference_mode():
                    same = torch.equal(found[name](photos[which]), first[name, which].output)
            else:
                same = watched(name, photos[which]) == first[name, which]
            if not same:
                other.append(f"{name}, pass {number}")

    threads = [threading.Thread(target=passes, args=(begin,)) for begin in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not other
