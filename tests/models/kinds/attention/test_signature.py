"""Attention sites against explicit float64 formulas, on the fused path and on explicit ones."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.kinds.attention.rows import columns, fuse, log_normaliser, rows


def softmax_rows(query: Tensor, key: Tensor, scale: float, bias: Tensor | float = 0.0) -> Tensor:
    """(batch, head, query, key) by the definition, in float64: exp of the score over their sum."""
    scores = torch.einsum("bhid,bhjd->bhij", query.double(), key.double()) * scale + bias
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    return weights / weights.sum(-1, keepdim=True)


class Fused(nn.Module):
    """Self-attention the way timm writes it; keeps what it computed for comparison."""

    def __init__(self, heads: int = 4, dim: int = 32, **options: object) -> None:
        super().__init__()
        self.heads, self.options = heads, options
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        self.q, self.k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return F.scaled_dot_product_attention(self.q, self.k, v, **self.options).flatten(1, 2)


def only_site(module: nn.Module, *inputs: Tensor):
    with capture(module) as recording:
        module(*inputs)
    (site,) = recording.trace.sites
    return site


def test_fused_rows_equal_the_definition() -> None:
    module, x = Fused(), torch.randn(1, 17, 32)
    site = only_site(module, x)
    expected = softmax_rows(module.q, module.k, 1 / math.sqrt(8))[0]
    got = rows(site.attention)
    assert (got - expected).abs().max() < 1e-6
    assert (got.sum(-1) - 1).abs().max() < 1e-6
    assert (site.kind, site.heads, site.queries, site.keys) == ("attention", 4, 17, 17)


@pytest.mark.parametrize(
    ("mask", "bias"),
    [
        (torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1]]).bool(), None),
        (torch.randn(1, 4, 3, 3), None),
        (torch.randn(3, 3), None),
    ],
    ids=["boolean", "additive a head", "additive"],
)
def test_masks_are_part_of_the_softmax(mask: Tensor, bias: None) -> None:
    module = Fused(attn_mask=mask)
    site = only_site(module, torch.randn(1, 3, 32))
    added = (
        torch.zeros(mask.shape).masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else mask
    )
    expected = softmax_rows(module.q, module.k, 8**-0.5, added)[0]
    assert (rows(site.attention) - expected).abs().max() < 1e-6
    assert (rows(site.attention, torch.tensor([2]))[:, 0] - expected[:, 2]).abs().max() < 1e-6
    assert not site.attention.factored


def test_causal_and_scale() -> None:
    module = Fused(is_causal=True, scale=0.3)
    site = only_site(module, torch.randn(1, 5, 32))
    upper = torch.full((5, 5), -math.inf).triu(1)
    assert (
        rows(site.attention) - softmax_rows(module.q, module.k, 0.3, upper)[0]
    ).abs().max() < 1e-6


def test_grouped_queries_share_their_keys() -> None:
    class Grouped(nn.Module):
        def forward(self, q: Tensor, k: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)

    q, k = torch.randn(1, 6, 7, 8), torch.randn(1, 2, 7, 8)
    site = only_site(Grouped(), q, k)
    expected = softmax_rows(q, k.repeat_interleave(3, 1), 8**-0.5)[0]
    assert (rows(site.attention) - expected).abs().max() < 1e-6


def test_columns_fusion_and_normaliser() -> None:
    module = Fused()
    site = only_site(module, torch.randn(1, 600, 32))  # more than one block of rows
    matrix = softmax_rows(module.q, module.k, 8**-0.5)[0]
    keys = torch.tensor([0, 3, 599])
    assert (columns(site.attention, keys) - matrix[:, :, keys].transpose(1, 2)).abs().max() < 1e-6
    scores = torch.einsum("bhid,bhjd->bhij", module.q.double(), module.k.double())[0] * 8**-0.5
    assert (log_normaliser(site.attention) - scores.exp().sum(-1).log()).abs().max() < 1e-5
    for fusion, reduced in (
        ("mean", matrix.mean(0)),
        ("max", matrix.max(0)[0]),
        ("min", matrix.min(0)[0]),
    ):
        assert (fuse(rows(site.attention), fusion) - reduced).abs().max() < 1e-6
    assert torch.equal(fuse(rows(site.attention), 2), rows(site.attention)[2])
    with pytest.raises(ValueError, match="0…3"):
        fuse(rows(site.attention), 4)
    with pytest.raises(ValueError, match="mean, max, min, all"):
        fuse(rows(site.attention), "median")


class Explicit(nn.Module):
    """Attention with a matrix of its own, in the ways that networks write it."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.softmax, self.dropout = nn.Softmax(dim=-1), nn.Dropout(0.1)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * 0.25
        if self.form == "module, dropout":
            return self.dropout(self.softmax(scores)) @ v
        if self.form == "cast":
            return scores.float().softmax(-1).to(v.dtype).matmul(v)
        if self.form == "folded heads":
            a = F.softmax(scores, -1).flatten(0, 1)
            return torch.bmm(a, v.flatten(0, 1))
        if self.form == "right factor":  # values as columns: o = v·βᵀ, as in SAGAN
            return torch.matmul(v.transpose(-2, -1), torch.softmax(scores, -1).transpose(-2, -1))
        if self.form == "softmax over rows":  # keys along rows: o = v·β with β = softmax(f, dim=-2)
            beta = torch.softmax(scores.transpose(-2, -1), dim=-2)
            return v.transpose(-2, -1) @ beta
        if self.form == "einsum":
            attention = torch.einsum("bhid,bhjd->bhij", q, k).mul(0.25).softmax(dim=-1)
            return torch.einsum("bhij,bhjd->bihd", attention, v)
        if self.form == "einsum, values first":
            return torch.einsum("bhjd,bhji->bhid", v, scores.transpose(-2, -1).softmax(-2))
        raise AssertionError(self.form)


@pytest.mark.parametrize(
    "form",
    [
        "module, dropout",
        "cast",
        "folded heads",
        "right factor",
        "softmax over rows",
        "einsum",
        "einsum, values first",
    ],
)
def test_explicit_matrices_are_found_the_right_way_round(form: str) -> None:
    q, k, v = torch.randn(3, 1, 2, 9, 8).unbind(0)
    site = only_site(Explicit(form).eval(), q, k, v)
    expected = softmax_rows(q, k, 0.25)
    got = site.attention.probabilities
    assert got is not None
    assert (got.reshape(expected.shape) - expected).abs().max() < 1e-6


def mixed_by_linear(a: Tensor, mix: Tensor) -> Tensor:
    return F.linear(a.permute(0, 2, 3, 1), mix).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "change",
    [
        mixed_by_linear,
        lambda a, mix: F.conv2d(a, mix[:, :, None, None]),
        lambda a, mix: torch.einsum("bhij,gh->bgij", a, mix),
        lambda a, mix: (a.permute(0, 2, 3, 1) @ mix.T).permute(0, 3, 1, 2),
    ],
    ids=["linear", "convolution", "einsum", "product"],
)
def test_heads_mixed_after_the_softmax(change) -> None:
    """Talking heads (Shazeer et al. 2020): the mixed matrix is what weighs the values."""
    q, k, v = torch.randn(3, 1, 2, 9, 8).unbind(0)
    mix = torch.randn(2, 2)
    with capture(nn.Identity()) as recording:
        change((q @ k.transpose(-2, -1) * 0.25).softmax(-1), mix) @ v
    (site,) = recording.trace.sites
    expected = torch.einsum("bhij,gh->bgij", softmax_rows(q, k, 0.25), mix.double())
    assert (site.attention.probabilities - expected).abs().max() < 1e-6
    assert "changed between its softmax and the product" in site.note


def test_two_softmaxes_blended_are_one_site() -> None:
    """ConViT (d'Ascoli et al. 2021, eq. 7), whose learned gate on the matrices is no gate site."""
    content, position, v = torch.randn(1, 2, 9, 9), torch.randn(1, 2, 9, 9), torch.randn(1, 2, 9, 8)
    gate = torch.randn(1, 2, 1, 1).sigmoid()
    with capture(nn.Identity()) as recording:
        gate = torch.randn(1, 2, 1, 1).sigmoid()
        ((1 - gate) * content.softmax(-1) + gate * position.softmax(-1)) @ v
    (site,) = recording.trace.sites
    expected = (1 - gate) * content.softmax(-1) + gate * position.softmax(-1)
    assert torch.equal(site.attention.probabilities, expected)


def test_values_weighed_one_by_one_and_summed() -> None:
    """Each query has sampled values of its own, as in deformable attention."""
    scores, values = torch.randn(2, 5, 4), torch.randn(2, 8, 5, 4)  # (photo, query, point)
    with capture(nn.Identity()) as recording:
        (values * scores.softmax(-1)[:, None]).sum(-1)
    (site,) = recording.trace.sites
    assert site.attention.shape == (2, 1, 5, 4)
    assert torch.equal(site.attention.probabilities[:, 0], scores.softmax(-1))


def test_a_reshape_that_copies_keeps_the_keys() -> None:
    scores, v = torch.randn(2, 3, 5, 5), torch.randn(2 * 3, 5, 8)
    with capture(nn.Identity()) as recording:
        scores.softmax(-1).permute(1, 0, 2, 3).reshape(6, 5, 5) @ v
    (site,) = recording.trace.sites
    expected = scores.permute(1, 0, 2, 3).reshape(6, 5, 5).softmax(-1)
    assert (site.attention.probabilities[:, 0] - expected).abs().max() < 1e-6


@pytest.mark.parametrize(
    "use",
    [
        lambda x: F.linear(x.softmax(-1), torch.arange(9.0)[None]),  # the mean of a distribution
        lambda x: x.softmax(-1).topk(2, -1).values @ torch.randn(2, 4),  # routing
        lambda x: x.softmax(-1).sum(-1),
        lambda x: x.softmax(-1) * x,
        lambda x: (x + x.softmax(-1)) @ x,  # features again
        lambda x: F.conv2d(x[None].softmax(1), torch.randn(2, 2, 1, 1)).flatten(2).mT @ x[0, :2],
    ],
    ids=["expected value", "top-k", "sum", "product", "residual", "classes mixed"],
)
def test_softmaxes_that_are_no_attention(use) -> None:
    with capture(nn.Identity()) as recording:
        use(torch.randn(2, 9, 9))
    assert recording.trace.sites == ()


def test_a_softmax_that_weighs_no_values_is_no_site() -> None:
    class Classifier(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            chosen = x.softmax(-1)
            over_rows = x.softmax(-2) @ torch.randn(9, 4)  # the product does not sum over that axis
            torch.einsum("bij,bid->bjd", x.softmax(-1), x)
            return chosen.max(-1)[0] + over_rows.sum(-1)

    with capture(Classifier()) as recording:
        Classifier()(torch.randn(2, 9, 9))
    assert recording.trace.sites == ()


@pytest.mark.parametrize("weights", [True, False])
def test_torch_own_multi_head_attention(weights: bool) -> None:
    module = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    x = torch.randn(1, 11, 32)
    with torch.inference_mode():
        expected = module(x, x, x, average_attn_weights=False)[1][0]
        with capture(module) as recording:
            module(x, x, x, need_weights=weights)
    (site,) = recording.trace.sites
    got = rows(site.attention)
    assert (got.reshape(expected.shape) - expected).abs().max() < 1e-6


def test_torch_own_transformer_names_its_layers() -> None:
    layer = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)
    module = nn.TransformerDecoder(layer, 2).eval()
    with torch.inference_mode(), capture(module) as recording:
        module(torch.randn(1, 3, 16), torch.randn(1, 5, 16), tgt_is_causal=False)
    assert [(s.name, s.queries, s.keys) for s in recording.trace.sites] == [
        ("layers.0.self_attn", 3, 3),
        ("layers.0.multihead_attn", 3, 5),
        ("layers.1.self_attn", 3, 3),
        ("layers.1.multihead_attn", 3, 5),
    ]


def test_query_and_key_are_kept_without_the_values() -> None:
    module, x = Fused(), torch.randn(2, 50, 32)
    with capture(module) as recording:
        module(x)
    assert recording.trace.nbytes == 2 * x.numel() * x.element_size()
