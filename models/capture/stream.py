"""The residual stream: everything that is added to a network's tokens, in order.

x ← x + f(x), where f alternates between attention and a token-wise layer (Vaswani et al. 2017,
section 3.1; the term is from Elhage et al. 2021). A sum belongs to the stream if its result has a
row for each token. Of its operands, the stream's is the result of the previous sum, or else the one
that was computed earlier.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from fovea.models.capture.recorder import _Watch
from fovea.models.tracing.call_stack import calling_module
from fovea.models.tracing.recording import Recording

AdditionKind = Literal["positions", "attention", "feed-forward", "other"]

_ADDS = ("add", "iadd", "radd")

ACTIVATIONS = frozenset(
    ("gelu", "relu", "relu6", "silu", "mish", "elu", "hardswish", "sigmoid", "tanh", "softplus")
)
"""Signature of a token-wise layer: a nonlinearity between two matrices."""


@dataclass(frozen=True, eq=False, slots=True)
class Addition:
    """One sum of the residual stream. All tensors are (token,); NaN for tokens that do not exist
    yet.

    kind: what is added · module: path of the module that added it · site: index in the trace, for
    attention · dim: vector size · before, added, after: Euclidean norms · kept: cosine between a
    token before and after, 1 if only its length changed.
    """

    kind: AdditionKind
    module: str
    site: int | None
    dim: int
    before: Tensor
    added: Tensor
    after: Tensor
    kept: Tensor


class _Birth(NamedTuple):
    """When a tensor that depends on the input was computed: the numbers of calls, sites and
    activations before it.
    """

    tensor: weakref.ref[Tensor]
    calls: int
    sites: int
    activations: int


class Summing(_Watch):
    """Records the sums of tokens during a capture.

    tokens: their number, of which `prefix` have no place and may be added later.
    """

    def __init__(
        self, recording: Recording, given: Sequence[Tensor], tokens: int, prefix: int
    ) -> None:
        super().__init__(recording, fused=False)  # fused kernels would hide the sums
        self.tokens, self.prefix = tokens, prefix
        self.found: list[Addition] = []
        self._births: dict[int, _Birth] = {}
        self._calls = self._activations = 0
        self._last: weakref.ref[Tensor] | None = None
        for one in given:
            self._bear(one)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        derived = any(self._birth(one) is not None for one in given)
        name = func.__name__.strip("_")
        # Read before the call, which may write in place.
        summed = self._summands(*args) if derived and name in _ADDS and len(args) == 2 else None
        result = super().__torch_function__(func, types, args, kwargs)
        if derived:
            self._calls += 1
            self._activations += name in ACTIVATIONS
            for one in tree_leaves(result):
                if isinstance(one, Tensor):
                    self._bear(one, self._viewed(one, given))
        if summed is not None and isinstance(result, Tensor):
            self._note(*summed, result)
        return result

    def _viewed(self, tensor: Tensor, given: Sequence[Tensor]) -> _Birth | None:
        """When the base of a view was computed; None if the tensor is new or was written in
        place.
        """
        if any(one is tensor for one in given):
            return None
        storage = tensor.untyped_storage().data_ptr()
        base = next((one for one in given if one.untyped_storage().data_ptr() == storage), None)
        return None if base is None else self._birth(base)

    def _bear(self, tensor: Tensor, viewed: _Birth | None = None) -> None:
        sites = len(self.recording.calls)
        key, births = id(tensor), self._births

        def forget(_: object) -> None:
            births.pop(key, None)

        born = _Birth(weakref.ref(tensor, forget), self._calls, sites, self._activations)
        births[key] = born if viewed is None else viewed._replace(tensor=born.tensor)

    def _birth(self, tensor: Tensor) -> _Birth | None:
        birth = self._births.get(id(tensor))
        return birth if birth is not None and birth.tensor() is tensor else None

    def _tokens(self, tensor: Any) -> Tensor | None:
        """(token, dim), of all tokens or of those with a place; None if the tensor is not the
        tokens.

        A grid of tokens may be channels-first or channels-last.
        """
        if not isinstance(tensor, Tensor) or tensor.ndim < 2:
            return None
        counts = self.tokens, self.tokens - self.prefix
        if tensor.ndim > 2:
            if tensor.shape[0] != 1:
                return None
            tensor = tensor[0]
        if tensor.ndim == 3:
            channels_last = tensor.shape[0] * tensor.shape[1] in counts
            tensor = tensor.flatten(0, 1) if channels_last else tensor.flatten(1).T
        return tensor if tensor.ndim == 2 and tensor.shape[0] in counts else None

    def _summands(self, one: Any, other: Any) -> tuple[_Birth, Tensor, Tensor, bool] | None:
        """(when the residual stream's operand was made, that operand, the operand added to it, and
        whether the latter depends on the input); both operands (token, dim).
        """
        rows, more = self._tokens(one), self._tokens(other)
        if rows is None or more is None or rows.shape != more.shape:
            return None
        births = self._birth(one), self._birth(other)
        if births[0] is None or births[1] is None:
            stood = 1 if births[0] is None else 0
        else:
            last = None if self._last is None else self._last()
            later = births[0].calls > births[1].calls
            stood = int(other is last or (one is not last and later))
        birth = births[stood]
        if birth is None:
            return None
        both = rows.detach().clone(), more.detach().clone()
        before, added = both[stood], both[1 - stood]
        return birth, before, added, None not in births

    def _kind(self, birth: _Birth, derived: bool) -> tuple[AdditionKind, int | None]:
        if not derived:
            return "positions", None
        since = list(enumerate(self.recording.trace.sites))[birth.sites :]
        attending = [
            number
            for number, site in since
            if site.attends and site.attention.shape[2] == self.tokens
        ]
        if attending:
            return "attention", attending[-1]
        alone = not since and self._activations > birth.activations
        return "feed-forward" if alone else "other", None

    def _note(
        self, birth: _Birth, stood: Tensor, added: Tensor, derived: bool, result: Tensor
    ) -> None:
        rows = self._tokens(result)
        if rows is None:
            return
        kind, site = self._kind(birth, derived)
        before, more, after = stood.float(), added.float(), rows.float()
        figures = (
            before.norm(dim=1),
            more.norm(dim=1),
            after.norm(dim=1),
            F.cosine_similarity(before, after, dim=1),
        )
        if kind == "positions" and len(more) > 1 and bool((more == more[:1]).all()):
            return  # equal for all tokens: a bias
        module = calling_module(self.recording.paths)
        self.found.append(Addition(kind, module, site, stood.shape[1], *map(self._all, figures)))
        self._last = weakref.ref(result)

    def _all(self, figure: Tensor) -> Tensor:
        """(token,) padded for tokens that do not exist yet."""
        missing = figure.new_full((self.tokens - len(figure),), torch.nan)
        return torch.cat((missing, figure.detach())).cpu()


@contextmanager
def stream(
    module: nn.Module, given: Sequence[Tensor], tokens: int, prefix: int
) -> Iterator[list[Addition]]:
    """Records what is added to that many tokens in one pass over a photo, (1, channel, height,
    width), words, (1, word), or both.

    prefix: number of tokens without a place. The list fills while the network runs.
    """
    recording = Recording(module, features=False, gradients=False)
    summing = Summing(recording, given, tokens, prefix)
    with summing:
        yield summing.found
