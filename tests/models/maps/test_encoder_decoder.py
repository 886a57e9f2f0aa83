"""Relevance through encoder and decoder against the rules of the paper as float64 matrices."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.kinds.attention.rows import rows
from fovea.models.maps.encoder_decoder import query_relevance, stack
from fovea.models.maps.gradients import gradient_rows
from fovea.models.maps.propagation import NoChain
from fovea.models.methods.making import for_class as explain
from fovea.models.places.layout import place, survey
from fovea.models.records import Trace
from tests.models.maps.conftest import close, vit


class Detector(nn.Module):
    """A small DETR of torch's own Transformer: patches → encoder; object queries → decoder."""

    def __init__(self, layers: int = 3, dim: int = 24, queries: int = 5) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, dim, 8, stride=8)
        self.queries = nn.Parameter(torch.randn(1, queries, dim))
        self.transformer = nn.Transformer(
            dim, 4, layers, layers, 2 * dim, dropout=0.0, batch_first=True
        )
        self.head = nn.Linear(dim, 6)

    def forward(self, photo: Tensor) -> Tensor:
        patches = self.cut(photo).flatten(2).transpose(1, 2)
        return self.head(self.transformer(patches, self.queries.expand(len(photo), -1, -1)))


def by_matrices(encoder: list[Tensor], decoder: list[tuple[Tensor, Tensor]], query: int) -> Tensor:
    """Row `query` of R_qi, from Ē of every layer: eq. 5 to 11 of the paper as they stand."""

    def normalised(relevance: Tensor) -> Tensor:
        identity = torch.eye(len(relevance), dtype=relevance.dtype)
        added = relevance - identity
        return (added / added.sum(-1, keepdim=True)).nan_to_num(0, 0, 0) + identity

    r_ii = torch.eye(encoder[0].shape[-1], dtype=torch.float64)
    for one in encoder:
        r_ii = r_ii + one @ r_ii
    r_qq = torch.eye(len(decoder[0][0]), dtype=torch.float64)
    r_qi = torch.zeros(len(r_qq), len(r_ii), dtype=torch.float64)
    for own, cross in decoder:
        r_qi = r_qi + own @ r_qi
        r_qq = r_qq + own @ r_qq
        r_qi = r_qi + normalised(r_qq).T @ cross @ normalised(r_ii)
    return r_qi[query]


def exact_layers(module: nn.Module, scalar: Callable[[nn.Module], Tensor]) -> list[Tensor]:
    """Ē = mean_h (∇A⊙A)⁺ of every attention of the float64 twin, in order of execution."""
    twin = deepcopy(module).double()
    with capture(twin, gradients=True) as recording:
        target = scalar(twin)
    trace = recording.differentiate(target)
    found = []
    for site in trace.sites:
        held = site.attention
        if held.probabilities is None:
            q, k = held.query[0], held.key[0]
            scores = q @ k.transpose(-1, -2) * held.scale
            if held.causal:
                scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
            if held.mask is not None and held.mask.dtype == torch.bool:
                scores = scores.masked_fill(~held.mask[0], -torch.inf)
            elif held.mask is not None:
                scores = scores + held.mask[0]
            a = scores.softmax(-1)
            gradient = held.output_gradient[0] @ held.value[0].transpose(-1, -2)
        else:
            a, gradient = held.probabilities[0], held.probabilities_gradient[0]
        assert a.dtype == torch.float64
        found.append((a * gradient).clamp(min=0).mean(0))
    return found


def test_a_small_detr() -> None:
    torch.manual_seed(1)
    module, photo, query = Detector().eval(), torch.randn(1, 3, 40, 56), 2

    def scalar(network: nn.Module) -> Tensor:
        return network(photo.to(next(network.parameters()).dtype))[0, query, 4]

    with capture(module, gradients=True) as recording:
        target = scalar(module)
    trace = place(recording.differentiate(target), survey(module, photo))
    layers = exact_layers(module, scalar)
    found = query_relevance(trace, query)
    expected = by_matrices(layers[:3], [(layers[i], layers[i + 1]) for i in (3, 5, 7)], query)
    assert found.axes == ("row", "column")
    assert found.values.shape == (5, 7)
    assert close(found.values.flatten(), expected)
    assert not close(query_relevance(trace, 0).values.flatten(), expected)
    with pytest.raises(ValueError, match="0…4"):
        query_relevance(trace, 5)


def test_detr_of_transformers() -> None:
    """The published architecture from a small config, with a small CNN before it."""
    declare_missing_operators()
    import transformers

    torch.manual_seed(2)
    config = transformers.DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1],
            out_features=["stage4"],
        ),
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=4,
        num_labels=3,
    )  # fmt: skip
    module = transformers.DetrForObjectDetection(config).eval()
    photo = torch.randn(1, 3, 96, 128)

    def scalar(network: nn.Module) -> Tensor:
        return network(photo.to(next(network.parameters()).dtype)).logits[0, 1, 2]

    with capture(module, gradients=True) as recording:
        target = scalar(module)
    trace = recording.differentiate(target)
    layers = exact_layers(module, scalar)
    found = query_relevance(trace, 1)
    expected = by_matrices(layers[:2], [(layers[2], layers[3]), (layers[4], layers[5])], 1)
    assert close(found.values.flatten(), expected)


class Writer(nn.Module):
    """A small captioner: photo and words so far → logits of the next word at each place."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.words = nn.Conv2d(3, 24, 8, stride=8), nn.Embedding(9, 24)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(24, 4, 48, 0.0, batch_first=True), 2
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(24, 4, 48, 0.0, batch_first=True), 2
        )
        self.head = nn.Linear(24, 9)

    def forward(self, photo: Tensor, words: Tensor) -> Tensor:
        patches = self.encoder(self.cut(photo).flatten(2).transpose(1, 2))
        later = nn.Transformer.generate_square_subsequent_mask(words.shape[1], dtype=photo.dtype)
        return self.head(self.decoder(self.words(words), patches, tgt_mask=later))


def test_a_word_of_a_captioner_whose_parameters_rest() -> None:
    torch.manual_seed(4)
    module, photo = Writer().eval().requires_grad_(False), torch.randn(1, 3, 32, 48)
    words = torch.tensor([[1, 5, 7, 4, 2]])

    def scalar(network: nn.Module) -> Tensor:
        network.requires_grad_(True)
        return network(photo.to(network.head.weight.dtype), words[:, :-1])[0, 2, 4]

    found = explain.word_relevance(module, photo, words, 2)
    assert not any(p.requires_grad or p.grad is not None for p in module.parameters())
    layers = exact_layers(module, scalar)
    expected = by_matrices(layers[:2], [(layers[2], layers[3]), (layers[4], layers[5])], 2)
    assert found.values.shape == (4, 6)
    assert close(found.values.flatten(), expected)


def test_what_has_no_decoder_is_told() -> None:
    module, photo = vit(img_size=(32, 32)), torch.randn(1, 3, 32, 32, requires_grad=True)
    with capture(module, gradients=True) as recording:
        target = module(photo)[0, 1]
    trace = recording.differentiate(target)
    with pytest.raises(NoChain, match="decoder"):
        stack(trace)
    with pytest.raises(NoChain):
        query_relevance(Trace(()), 0)
    assert rows(trace.sites[0].attention).shape == gradient_rows(trace.sites[0].attention).shape
