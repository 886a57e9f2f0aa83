"""Edited passes against the same networks with their weights zeroed, and against formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fovea.models import networks
from fovea.models.capture import capture
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.editing.run import edit
from fovea.models.edits import (
    Edit,
    RefusedEdit,
    block,
    drop,
    hide,
    identity,
    mean,
    off,
    open_gate,
    positions_off,
    positions_shuffle,
    set_gate,
    shut,
    skip,
    temperature,
    theta,
    to_self,
    uniform,
)
from fovea.models.kinds.attention.rows import rows
from tests.models.editing.small_networks import PHOTO, Net, lively, net, seeded

declare_missing_operators()
import timm  # noqa: E402

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(scores before the softmax, A, V), (photo, head, query, …) in float64 → the heads' output."""


def by_formula(network: Net, formula: Formula, photo: Tensor = PHOTO) -> Tensor:
    """The network in float64 with the first block's heads computed by a formula."""
    exact = net(written=network.blocks[0].written).double()
    exact.load_state_dict(network.state_dict())
    first = exact.blocks[0]

    def forward(x: Tensor) -> Tensor:
        q, k, v = first.parts(x)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        joined = formula(scores, scores.softmax(-1), v)
        return x + first.out(joined.transpose(1, 2).flatten(2))

    first.forward = forward
    with torch.no_grad():
        return exact(photo.double()).float()


def masked(queries: Sequence[int], keys: Sequence[int], heads: Sequence[int]) -> Formula:
    def formula(scores: Tensor, _: Tensor, v: Tensor) -> Tensor:
        hidden = torch.zeros_like(scores, dtype=torch.bool)
        for head in heads:
            for query in queries:
                hidden[:, head, query, list(keys)] = True
        return scores.masked_fill(hidden, -torch.inf).softmax(-1).nan_to_num(0) @ v

    return formula


def only(heads: Sequence[int], change: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Formula:
    def formula(scores: Tensor, a: Tensor, v: Tensor) -> Tensor:
        output = (a @ v).clone()
        output[:, list(heads)] = change(scores, a, v)[:, list(heads)]
        return output

    return formula


ALL = range(4)
PATCH = 1 + 2 * 4 + 1  # row 2, column 1 of 4 × 4, behind the class token

CASES: list[tuple[Edit, Formula]] = [
    (off("s00", heads=[0, 2]), only([0, 2], lambda s, a, v: torch.zeros_like(v))),
    (mean("s00", heads=[1]), only([1], lambda s, a, v: (a @ v).mean(2, True).expand_as(v))),
    (uniform("s00", heads=[3]), only([3], lambda s, a, v: v.mean(2, True).expand_as(v))),
    (to_self("s00", heads=[0, 1]), only([0, 1], lambda s, a, v: v)),
    (temperature("s00", 3.0), only(ALL, lambda s, a, v: (s / 3).softmax(-1) @ v)),
    (temperature("s00", 0.5, heads=[2]), only([2], lambda s, a, v: (s / 0.5).softmax(-1) @ v)),
    (block("s00", queries=["cls"], keys=[[2, 1], 3]), masked([0], [PATCH, 3], ALL)),
    (block("s00", keys=["cls", 5, 6]), masked(range(17), [0, 5, 6], ALL)),
    (block("s00", queries=[[2, 1]], keys="all"), masked([PATCH], range(17), ALL)),
    (block("s00", keys=[4], queries=list(range(9)), heads=[1]), masked(range(9), [4], [1])),
]


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(("change", "formula"), CASES, ids=lambda one: getattr(one, "edit", ""))
def test_each_edit_is_its_formula(change: Edit, formula: Formula, written: bool) -> None:
    network = net(written=written)
    with torch.no_grad(), edit(network, change) as run:
        found = run(PHOTO)
    assert torch.allclose(found, by_formula(network, formula), atol=1e-5)


@pytest.mark.parametrize(("change", "formula"), CASES, ids=lambda one: getattr(one, "edit", ""))
def test_capture_inside_sees_the_edited_attention(change: Edit, formula: Formula) -> None:
    """The same output, and a matrix whose product with the values is what the formula says."""
    network = net()
    with torch.no_grad(), edit(network, change), capture(network, gradients=True) as recording:
        found = network(PHOTO)
    assert torch.allclose(found, by_formula(network, formula), atol=1e-5)
    if change.edit in ("uniform", "self", "temperature", "block"):
        traces = recording.trace.split(2)
        matrix = torch.stack([rows(one.sites[0].attention, range(17)) for one in traces]).double()
        q, k, v = (one.double() for one in network.blocks[0].parts(_tokens(network)))
        scores = q @ k.transpose(-2, -1) * 8**-0.5
        assert torch.allclose(matrix @ v, formula(scores, scores.softmax(-1), v), atol=1e-5)


def _tokens(network: Net) -> Tensor:
    with torch.no_grad():
        tokens = network.embed(PHOTO).flatten(2).transpose(1, 2)
        return torch.cat((network.cls.expand(2, -1, -1), tokens), 1) + network.pos


@pytest.mark.parametrize("name", ["vit", "deit_tiny_patch16_224", "cait_xxs24_224"])
def test_off_is_zeroed_columns_of_the_joining_matrix(name: str) -> None:
    torch.manual_seed(0)
    own = name == "vit"
    network = lively(
        networks.build("vit", classes=7) if own else timm.create_model(name, img_size=64)
    )
    photo = seeded(1, 3, *((112, 112) if own else (64, 64)))
    with torch.no_grad(), capture(network) as recording:
        plain = network(photo)
    site = [one for one in recording.trace.sites if one.kind == "attention"][1]
    with torch.no_grad(), edit(network, off(site.id, heads=[1])) as run:
        found = run(photo)
    joins = network.get_submodule(site.name)
    projection = joins.output if own else joins.proj
    width = projection.in_features // site.heads
    projection.weight.data[:, width : 2 * width] = 0
    with torch.no_grad():
        wanted = network(photo)
    assert torch.allclose(found, wanted, atol=1e-6 * float(plain.abs().max().clamp(min=1)))
    assert not torch.allclose(found, plain, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["swin_tiny_patch4_window7_224", "maxvit_rmlp_pico_rw_256", "levit_128s"]
)
def test_windows_and_written_matrices_too(name: str) -> None:
    torch.manual_seed(0)
    network = lively(timm.create_model(name))
    size = network.default_cfg["input_size"][-1]
    photo = seeded(1, 3, size, size)
    with torch.no_grad(), capture(network) as recording:
        plain = network(photo)
    site = [one for one in recording.trace.sites if one.kind == "attention"][-1]
    joins = network.get_submodule(site.name)
    projection = joins.proj if isinstance(joins.proj, nn.Linear) else joins.proj[1].linear
    width = projection.in_features // site.heads
    with torch.no_grad(), edit(network, off(site.id, heads=[0])) as run:
        found = run(photo)
    with torch.no_grad():
        projection.weight[:, :width] = 0
        wanted = network(photo)
    assert torch.allclose(found, wanted, atol=1e-6 * float(plain.abs().max().clamp(min=1)))
    assert not torch.allclose(found, plain, atol=1e-5)


@pytest.mark.parametrize("written", [False, True])
def test_no_edits_keep_every_bit(written: bool) -> None:
    network = net(written=written)
    with torch.no_grad():
        plain = network(PHOTO)
        with edit(network) as run:
            assert torch.equal(run(PHOTO), plain)
        assert torch.equal(network(PHOTO), plain)


def test_nothing_is_left_behind_not_even_after_an_error() -> None:
    network = net()
    plain = network(PHOTO)
    with pytest.raises(RuntimeError), edit(network, off("s00")) as run:
        run(PHOTO[:, :2])  # a channel is missing
    assert torch.equal(network(PHOTO), plain)


def test_edits_compose_in_the_order_of_execution() -> None:
    network = net()
    with torch.no_grad(), edit(network, off("s01", heads=[0]), off("s00", heads=[3])) as run:
        found = run(PHOTO)
    with torch.no_grad():
        for number, head in ((0, 3), (1, 0)):
            network.blocks[number].out.weight[:, head * 8 : head * 8 + 8] = 0
        wanted = network(PHOTO)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_under_autograd_the_gradient_is_of_the_edited_network() -> None:
    network = net()
    photo = PHOTO.clone().requires_grad_()
    with edit(network, off("s00", heads=[1]), temperature("s01", 2.0)) as run:
        found = torch.autograd.grad(run(photo)[:, 2].sum(), photo)[0]
    network.blocks[0].out.weight.data[:, 8:16] = 0
    again = PHOTO.clone().requires_grad_()
    with edit(network, temperature("s01", 2.0)) as run:
        wanted = torch.autograd.grad(run(again)[:, 2].sum(), again)[0]
    assert torch.allclose(found, wanted, atol=1e-6)


def test_a_row_with_nothing_left_is_zero_and_said() -> None:
    for written in (False, True):
        with torch.no_grad(), edit(net(written=written), block("s00", keys="all")) as run:
            found = run(PHOTO)
            assert run.notes == (
                "A query was blocked from every key that it may look at; its output is zero there.",
            )
        assert torch.isfinite(found).all()


def test_dropped_tokens_are_no_keys_from_there_on() -> None:
    network = net()
    with torch.no_grad(), edit(network, drop("s00", [[2, 1]])) as run:
        found = run(PHOTO)
        both = edit(network, block("s00", keys=[PATCH]), block("s01", keys=[PATCH]))
    with torch.no_grad(), both as run:
        assert torch.allclose(run(PHOTO), found, atol=1e-6)
    # The class token has no path from that patch any more.
    moved = PHOTO.clone()
    moved[:, :, 16:24, 8:16] += 5
    with torch.no_grad(), edit(network, drop("s00", [[2, 1]])) as run:
        assert torch.allclose(run(moved), found, atol=1e-6)


def test_a_skipped_layer_adds_nothing() -> None:
    network = net()
    with torch.no_grad(), edit(network, skip("s00")) as run:
        found = run(PHOTO)
    network.blocks[0].forward = lambda x: x
    with torch.no_grad():
        assert torch.allclose(found, network(PHOTO), atol=1e-6)


def test_a_skipped_layer_of_other_peoples_vit() -> None:
    torch.manual_seed(0)
    network = timm.create_model("deit_tiny_patch16_224", img_size=64).eval()
    photo = seeded(1, 3, 64, 64)
    with torch.no_grad(), edit(network, skip("s03")) as run:
        found = run(photo)
    inner = network.blocks[3].attn
    inner.proj.weight.data.zero_()
    inner.proj.bias.data.zero_()
    with torch.no_grad():
        assert torch.allclose(found, network(photo), atol=1e-6)


def test_positions_can_be_left_out_and_shuffled() -> None:
    network = net()
    with torch.no_grad(), edit(network, positions_off()) as run:
        found = run(PHOTO)
    with torch.no_grad(), edit(network, positions_shuffle(3)) as run:
        shuffled = run(PHOTO)
    before = network.pos.detach().clone()
    network.pos.data.zero_()
    with torch.no_grad():
        assert torch.allclose(found, network(PHOTO), atol=1e-6)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    network.pos.data = torch.cat((before[:, :1], before[:, 1:][:, order]), 1)
    with torch.no_grad():
        assert torch.allclose(shuffled, network(PHOTO), atol=1e-6)


# --- gates and spatial transformers -------------------------------------------------------------


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.channel = nn.Conv2d(6, 6, 1)
        self.mask = nn.Conv2d(6, 1, 3, padding=1)

    def forward(
        self, x: Tensor, channel: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        factor = self.channel(x.mean((2, 3), keepdim=True)).sigmoid()
        x = x * (factor if channel is None else channel)
        place = self.mask(x).sigmoid()
        return x * (place if mask is None else mask)


def test_gates_are_set_opened_shut_and_averaged() -> None:
    torch.manual_seed(0)
    network, x = Gated().eval(), seeded(1, 6, 5, 5, seed=2)
    with torch.no_grad():
        factor = network.channel(x.mean((2, 3), keepdim=True)).sigmoid()
        cases = [
            (shut("s00", channels=[4]), [(4, 0.0)]),
            (open_gate("s00", channels=[0, 2]), [(0, 1.0), (2, 1.0)]),
            (set_gate("s00", 0.3, channels=[5]), [(5, 0.3)]),
            (mean("s00"), [(number, float(factor.mean())) for number in range(6)]),
        ]
        for change, values in cases:
            wanted = factor.clone()
            for channel, value in values:
                wanted[:, channel] = value
            with edit(network, change) as run:
                assert torch.allclose(run(x), network(x, channel=wanted), atol=1e-6)
        with edit(network, open_gate("s01")) as run:
            assert torch.allclose(run(x), network(x, mask=torch.ones(1, 1, 5, 5)), atol=1e-6)
        place = network.mask(x * factor).sigmoid()
        place[:, :, 2, 3] = 0
        with edit(network, shut("s01", cells=[[2, 3]])) as run:
            assert torch.allclose(run(x), network(x, mask=place), atol=1e-6)


class Turning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.where = nn.Linear(3, 6)

    def forward(self, x: Tensor, instead: Tensor | None = None) -> Tensor:
        found = self.where(x.mean((2, 3))).view(-1, 2, 3)
        grid = F.affine_grid(
            found if instead is None else instead, list(x.shape), align_corners=False
        )
        return F.grid_sample(x, grid, align_corners=False)


def test_theta_is_replaced_before_the_grid_is_made() -> None:
    torch.manual_seed(0)
    network, x = Turning().eval(), seeded(2, 3, 9, 9, seed=2)
    matrix = [[0.8, -0.1, 0.2], [0.1, 0.9, -0.3]]
    with torch.no_grad():
        wanted = network(x, torch.tensor([matrix] * 2))
    with torch.no_grad(), edit(network, theta("s00", matrix)) as run:
        assert torch.allclose(run(x), wanted, atol=1e-6)
    with torch.no_grad(), edit(network, identity("s00")) as run:
        assert torch.allclose(run(x), x, atol=1e-5)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        (off("s09"), "no site 's09'", "s00, s01"),
        (off("s00", heads=[4]), "no head 4", "0 to 3"),
        (shut("s00"), "does not fit site s00, which is of the kind attention", "block"),
        (block("s00", keys=[[4, 0]]), "no row 4, column 0", "4 rows and 4 columns"),
        (block("s00", keys=[17]), "no key 17", "0 to 16"),
        (mean("s00", channels=[1]), "no channels", "heads"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(change: Edit, said: str, hint: str) -> None:
    network = net()
    with pytest.raises(RefusedEdit) as caught, edit(network, change) as run:
        run(PHOTO)
    assert said in str(caught.value)
    assert hint in caught.value.hint
    network(PHOTO)


def test_a_photos_cells_are_hidden_elsewhere() -> None:
    with (
        pytest.raises(RefusedEdit, match="hidden before preprocessing"),
        edit(net(), hide("s00", [[0, 0]])),
    ):
        pass
