"""A Transformer block as one token goes through it: what norms, attention and feed-forward give.

x ← x + MSA(LN(x)), x ← x + FFN(LN(x)) (Dosovitskiy et al. 2020, equations 2 and 3), or with the
norm after the sum (Vaswani et al. 2017, section 3.1): whatever ran, in its order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from fovea.models.capture.stream import ACTIVATIONS, Addition, Summing
from fovea.models.tracing.call_stack import calling_module
from fovea.models.tracing.recording import Recording

NORMS = ("layer_norm", "rms_norm")
_KEPT = frozenset(("linear", "mul", *NORMS, *ACTIVATIONS))


@dataclass(frozen=True, eq=False, slots=True)
class RowCall:
    """A call that gave one vector a token, in the row of the token that is followed.

    name: of the torch function · given, made: (channel,) of the token before and after; given is
    None where what was given has no row for it · gain, bias, eps: of a norm, None where there is
    none.
    """

    name: str
    module: str
    given: Tensor | None
    made: Tensor
    gain: Tensor | None = None
    bias: Tensor | None = None
    eps: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """One sum of the stream in the row of a token, and the calls since the sum before it.

    before, added, after: (channel,).
    """

    addition: Addition
    before: Tensor
    added: Tensor
    after: Tensor
    calls: tuple[RowCall, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """parts: from a site's own sum to that of the feed-forward layer after it, which is the last if
    there is one · norm: what the last sum is normalised by at once, of a block that norms after it.
    """

    parts: tuple[Part, ...]
    norm: RowCall | None


class Following(Summing):
    """Watches the residual stream, and keeps what the calls between its sums gave one token."""

    def __init__(
        self, recording: Recording, given: Sequence[Tensor], tokens: int, prefix: int, token: int
    ) -> None:
        super().__init__(recording, given, tokens, prefix)
        self.token = token
        self.parts: list[Part] = []
        self._since: list[RowCall] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.__name__.strip("_")
        # Before the call: an activation may write in place.
        given = self._row(args[0]) if name in _KEPT and args else None
        result = super().__torch_function__(func, types, args, kwargs)
        if name in _KEPT and (made := self._row(result)) is not None:
            module = calling_module(self.recording.paths)
            affine = _affine(args, kwargs or {}) if name in NORMS else ()
            self._since.append(RowCall(name, module, given, made, *affine))
        return result

    def _row(self, tensor: Any) -> Tensor | None:
        """The token's own vector, (channel,)."""
        rows = self._tokens(tensor)
        if rows is None:
            return None
        at = self.token - (self.tokens - len(rows))
        return rows[at].detach().float().cpu() if at >= 0 else None

    def _note(
        self, birth: Any, stood: Tensor, added: Tensor, derived: bool, result: Tensor
    ) -> None:
        known = len(self.found)
        super()._note(birth, stood, added, derived, result)
        rows = [self._row(one) for one in (stood, added, result)]
        if len(self.found) == known or any(row is None for row in rows):
            return
        before, more, after = (row for row in rows if row is not None)
        self.parts.append(Part(self.found[-1], before, more, after, tuple(self._since)))
        self._since.clear()

    def finish(self, site: int) -> Block | None:
        """The block of a site, by its number in the trace; None where it adds nothing here."""
        own = next((at for at, part in enumerate(self.parts) if part.addition.site == site), None)
        if own is None:
            return None
        kinds = [part.addition.kind for part in self.parts[own:]]
        end = own + (kinds.index("feed-forward") if "feed-forward" in kinds else 0)
        parts = self.parts[own : end + 1]
        if not _norms_after(parts):
            return Block(tuple(parts), None)
        following = self.parts[end + 1].calls if end + 1 < len(self.parts) else self._since
        norm = next((one for one in following if one.name in NORMS), None)
        return Block(tuple(parts), norm)


def _norms_after(parts: Sequence[Part]) -> bool:
    """Whether what a later part adds to is not what the sum before it gave, but that normed."""
    return any(not earlier.after.equal(later.before) for earlier, later in pairwise(parts))


def _affine(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor | None, Tensor | None, float | None]:
    """(gain, bias, eps) of a norm's call: layer_norm(input, shape, weight, bias, eps) or
    rms_norm(input, shape, weight, eps).
    """
    tensors = [one for one in (*args[2:], *kwargs.values()) if isinstance(one, Tensor)]
    gain, bias = (*tensors, None, None)[:2]
    numbers = [one for one in (*args[2:], *kwargs.values()) if isinstance(one, float)]
    told = [None if one is None else one.detach().float().cpu() for one in (gain, bias)]
    return told[0], told[1], numbers[0] if numbers else None


@contextmanager
def following(
    module: nn.Module, given: Sequence[Tensor], tokens: int, prefix: int, token: int
) -> Iterator[Following]:
    """Watch one of so many tokens of what the network is given, as `stream` does; ask `finish()`
    afterwards.
    """
    watching = Following(
        Recording(module, features=False, gradients=False), given, tokens, prefix, token
    )
    with watching:
        yield watching
