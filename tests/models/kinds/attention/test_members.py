"""More ways to write an attention: each is a site with the right rows, or is named."""

import warnings
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.running.observing import capture

D, HEADS, N = 16, 2, 6
PHOTO = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
Parts = tuple[Tensor, Tensor, Tensor]


class Net(nn.Module):
    """Six patches, one attention that the test writes, a score."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, D, 16, 16)
        self.qkv = nn.Linear(D, 3 * D)
        self.head = nn.Linear(D // HEADS, 3)
        self.attend = attend

    def parts(self, photos: Tensor) -> Parts:
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).unflatten(-1, (3, HEADS, D // HEADS)).permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(self, photos: Tensor) -> Tensor:
        return self.head(self.attend(*self.parts(photos)).mean((1, 2)))


def scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.mT / 8**0.5


def in_chunks(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.cat([scores(part, k).softmax(-1) @ v for part in q.split(3, 2)], 2)


SHARES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "capital letters": lambda q, k, v: torch.einsum(
        "BHIJ,BHJD->BHID", torch.einsum("BHID,BHJD->BHIJ", q, k).div(8**0.5).softmax(-1), v
    ),
    "no arrow": lambda q, k, v: torch.stack(
        [
            torch.einsum("ij,jk", a, b)
            for a, b in zip(scores(q, k).softmax(-1)[0], v[0], strict=True)
        ]
    )[None],
    "axes by numbers": lambda q, k, v: torch.einsum(
        scores(q, k).softmax(-1), [0, 1, 2, 3], v, [0, 1, 3, 4], [0, 1, 2, 4]
    ),
    "an output matrix in one": lambda q, k, v: torch.einsum(
        "bhij,bhjd,de->bhie", scores(q, k).softmax(-1), v, torch.eye(8)
    ),
    "scale inside baddbmm": lambda q, k, v: (
        torch.baddbmm(torch.zeros(2, N, N), q[0], k[0].mT, beta=0, alpha=8**-0.5).softmax(-1)[None]
        @ v
    ),
    "queries in chunks": in_chunks,
    "into an output": lambda q, k, v: torch.softmax(scores(q, k), -1, out=torch.empty(0)) @ v,
    "under vmap": lambda q, k, v: torch.vmap(lambda a, b, c: scores(a, b).softmax(-1) @ c)(q, k, v),
}


@pytest.mark.parametrize("name", SHARES)
@torch.no_grad()
def test_rows_are_those_of_the_formula(name: str) -> None:
    net = Net(SHARES[name])
    plain = net(PHOTO)
    with capture(net) as trace:
        assert torch.equal(net(PHOTO), plain)
    q, k, _ = deepcopy(net).double().parts(PHOTO.double())
    expected = torch.softmax(q @ k.mT / 8**0.5, -1)
    found = [site.attention.probabilities for site in trace.sites]
    assert torch.cat(found, 2 if "chunks" in name else 1).reshape(expected.shape).sub(
        expected
    ).abs().max() < (1e-6)
    assert not trace.unseen


@torch.no_grad()
def test_a_sink_before_the_keys_is_cut_off() -> None:
    net = Net(lambda q, k, v: F.pad(scores(q, k), (1, 0)).softmax(-1)[..., 1:] @ v)
    with capture(net) as trace:
        net(PHOTO)
    (site,) = trace.sites
    q, k, _ = deepcopy(net).double().parts(PHOTO.double())
    expected = F.pad(q @ k.mT / 8**0.5, (1, 0)).softmax(-1)[..., 1:]
    assert (site.attention.probabilities - expected).abs().max() < 1e-6
    assert "carry no value" in site.note


@torch.no_grad()
def test_slots_compete_and_are_then_divided_by_their_sums() -> None:
    """Locatello et al. 2020, "Object-centric learning with slot attention", algorithm 1."""

    def slots(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = scores(q, k).softmax(-2) + 1e-8
        return weights / weights.sum(-1, keepdim=True) @ v

    net = Net(slots)
    with capture(net) as trace:
        net(PHOTO)
    (site,) = trace.sites
    q, k, _ = deepcopy(net).double().parts(PHOTO.double())
    expected = (q @ k.mT / 8**0.5).softmax(-2) + 1e-8
    expected /= expected.sum(-1, keepdim=True)
    assert (site.attention.probabilities - expected).abs().max() < 1e-6
    assert "changed" in site.note


def by_edges(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """As graph networks attend: a weight for each pair, summed by where it goes."""
    to, of = (one.flatten() for one in torch.meshgrid(*[torch.arange(N)] * 2, indexing="ij"))
    weight = (q[0, 0][to] * k[0, 0][of]).sum(-1).exp()
    total = torch.zeros(N).index_add(0, to, weight)
    weighed = (weight / total[to])[:, None] * v[0, 0][of]
    return torch.zeros(N, 8).index_add(0, to, weighed)[None, None]


NAMED: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], Tensor], str]] = {
    "linear, three factors": (
        lambda q, k, v: torch.einsum(
            "bhnd,bhde,bhn->bhne",
            F.elu(q) + 1,
            torch.einsum("bhnd,bhne->bhde", F.elu(k) + 1, v),
            1 / (F.elu(q) + 1).sum(-1),
        ),
        "no distribution",
    ),
    "all in one equation": (
        lambda q, k, v: torch.einsum("bhid,bhjd,bhje->bhie", q, k, v) / N,
        "without normalising",
    ),
    "exponentials of each channel": (
        lambda q, k, v: torch.sigmoid(q) * (k[:, 0].exp() * v[:, 0]).sum(1, keepdim=True)[:, None],
        "no distribution",
    ),
    "divided by N": (lambda q, k, v: scores(q, k) / N @ v, "no distribution"),
    "edges": (by_edges, "by index"),
    "sparse": (
        lambda q, k, v: torch.sparse.mm(scores(q, k).softmax(-1)[0, 0].to_sparse(), v[0, 0])[
            None, None
        ],
        "to_sparse",
    ),
    "a learnt memory": (
        lambda q, k, v: F.linear(q.softmax(-1), MEMORY),
        "8 vectors that are learnt",
    ),
}
MEMORY = nn.Parameter(torch.randn(8, 8, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("name", NAMED)
@torch.no_grad()
def test_what_has_no_rows_is_named_where_it_stands(name: str) -> None:
    attend, reason = NAMED[name]
    net = Net(attend)
    plain = net(PHOTO)
    with capture(net) as trace:
        assert torch.equal(net(PHOTO), plain)
    assert not [site for site in trace.sites if site.attends]
    named = [one for one in trace.unseen if one.what == "attention"]
    assert any(reason in one.reason for one in named), trace.unseen
    assert {one.file for one in named} == {__file__}


class Scripted(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return compiled(q, k, v)


def test_a_function_that_torchscript_compiled_is_named() -> None:
    part = Scripted()
    with capture(part) as trace:
        part(*torch.randn(3, 1, 4, 8))
    (named,) = trace.unseen
    assert (named.what, named.operation) == ("part", "compiled")
    assert "TorchScript" in named.reason


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.transpose(-1, -2)).softmax(-1) @ v


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch tells that TorchScript is old
    compiled = torch.jit.script(_attention)


@torch.no_grad()
def test_queries_against_keys_one_by_one_are_no_gates() -> None:
    """(batch, head, 1, head_dim) times (batch, head, key, head_dim) lies like a mask on a map."""

    class Loops(nn.Module):
        def forward(self, photos: Tensor) -> Tensor:
            tokens = photos.flatten(2).unfold(2, 64, 64).flatten(1, 2)
            q = k = v = tokens.unflatten(-1, (4, 16)).transpose(1, 2)
            each = [(q[:, :, i : i + 1] * k).sum(-1).softmax(-1)[:, :, None] @ v for i in range(3)]
            return torch.cat(each, 2)

    net = Loops()
    with capture(net) as trace:
        net(PHOTO)
    assert {site.kind for site in trace.sites} == {"attention"}


@torch.no_grad()
def test_positions_that_are_put_together_of_waves_are_no_gates() -> None:
    """Rotary embeddings of rows, columns and moments, as Qwen2-VL has them (its section 2.1)."""

    class Rotary(nn.Module):
        def forward(self, photos: Tensor) -> Tensor:
            tokens = photos.flatten(2).unfold(2, 64, 64).flatten(1, 2)
            q = k = v = tokens.unflatten(-1, (4, 16)).transpose(1, 2)
            places = torch.arange(q.shape[2]).expand(3, 1, -1) + photos.mean().round()
            angles = places[..., None] * 0.1 ** torch.arange(8)
            cos, sin = (
                torch.cat([one[i % 3] for i, one in enumerate(wave.split([4, 6, 6], -1))], -1)[
                    :, None
                ]
                for wave in (
                    torch.cat([angles, angles], -1).cos(),
                    torch.cat([angles] * 2, -1).sin(),
                )
            )
            q, k = (one * cos + one.roll(8, -1) * sin for one in (q, k))
            return F.scaled_dot_product_attention(q, k, v)

    net = Rotary()
    with capture(net) as trace:
        net(PHOTO)
    assert [site.kind for site in trace.sites] == ["attention"]


HARD: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "gather": lambda q, k, v: v.gather(
        2, scores(q, k).argmax(-1)[..., None].expand(-1, -1, -1, v.shape[-1])
    ),
    "take_along_dim": lambda q, k, v: torch.take_along_dim(
        v, scores(q, k).max(-1).indices[..., None], 2
    ),
    "an index": lambda q, k, v: v[0, 0][scores(q, k).softmax(-1)[0, 0].argmax(-1)][None, None],
    "the first of topk": lambda q, k, v: v.gather(
        2, scores(q, k).topk(1).indices.expand(-1, -1, -1, v.shape[-1])
    ),
}


@pytest.mark.parametrize("name", HARD)
@torch.no_grad()
def test_hard_attention_by_an_index_is_named(name: str) -> None:
    net = Net(HARD[name]).eval()
    plain = net(PHOTO)
    for _ in range(3):
        with capture(net) as trace:
            assert torch.equal(net(PHOTO), plain)
        assert not trace.sites
        (found,) = trace.unseen
        assert "best key alone" in found.reason
        assert found.file == __file__


@torch.no_grad()
def test_hard_attention_by_a_matrix_is_a_site() -> None:
    net = Net(lambda q, k, v: F.one_hot(scores(q, k).argmax(-1), N).to(v.dtype) @ v).eval()
    with capture(net) as trace:
        net(PHOTO)
    (site,) = trace.sites
    q, k, _ = net.parts(PHOTO)
    assert torch.equal(site.attention.probabilities.argmax(-1), scores(q, k).argmax(-1))
    assert site.grid is not None


@torch.no_grad()
def test_what_numpy_computes_inside_a_network_is_named() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shares = scores(q, k).softmax(-1).numpy()
        return torch.from_numpy(shares @ v.numpy())

    net = Net(attend).eval()
    with capture(net) as trace:
        net(PHOTO).numpy()  # the answer is the person's own to take
    assert {one.operation for one in trace.unseen} >= {"numpy"}
    assert {one.what for one in trace.unseen if one.operation == "numpy"} == {"part"}
    assert sum(one.times for one in trace.unseen if one.operation == "numpy") == 2
