"""Maps that describe themselves: names, options, reasons and the way from a trace to values."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from fovea.models import kinds
from fovea.models.grids import Cells, Layout, PatchGrid
from fovea.models.kinds.attention.rows import rows
from fovea.models.maps.propagation import NotPossible
from fovea.models.methods import registry
from fovea.models.methods.base import BadOption, Made, Subject
from fovea.models.methods.making.choosing import target_of
from fovea.models.methods.making.table import table
from fovea.models.records import Attention, Site, Trace

METHODS = Path(registry.__file__).parent
LABELS = ("Egyptian cat", "tabby, tabby cat", "3")


def site(index: int = 0, prefix: int = 1, windows: int = 1, placed: bool = True) -> Site:
    torch.manual_seed(index)
    tokens = 6 // windows + prefix
    tensors = Attention(
        query=torch.randn(windows, 3, tokens, 4), key=torch.randn(windows, 3, tokens, 4)
    )
    grid, name = PatchGrid(2, 3), f"s{index:02d}"
    if windows == 1 and placed:
        return Site(name, "attention", index, f"blocks.{index}.attn", tensors, grid, prefix)
    cells = Cells(torch.arange(6).view(windows, -1).int(), grid)
    layout = Layout(cells, cells) if placed else None
    return Site(name, "attention", index, "attn", tensors, None, 0, "windows", layout)


def subject(*sites: Site, **more: Any) -> Subject:
    return Subject(Trace(sites), "net", labels=LABELS, **more)


def make(name: str, given: Subject, **options: object) -> Made:
    own = registry.method(name)
    made = own.make(given, own.read(options))
    assert isinstance(made, Made)
    return made


def test_each_map_is_one_file_and_is_listed_once() -> None:
    declared = [
        path.stem
        for path in METHODS.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") in ("Method", "_method", "class_method")
    ]
    gates = [gate for maps in kinds.declared("maps", "MAPS") for gate in maps]
    assert len(declared) + len(gates) == len(registry.METHODS) == len(set(registry.NAMES))
    assert set(registry.FIRST) <= set(registry.NAMES)
    for one in registry.METHODS:
        assert one.title
        assert one.summary
        assert not one.summary.endswith(".")
        assert one.equation
        assert one.paper
        assert json.loads(json.dumps(one.schema)) == one.schema
        for option in one.options:
            assert option.read(option.default) == option.default
            assert option.schema["description"]


def test_rollout_adds_up_to_one() -> None:
    found = make("rollout", subject(site())).map
    assert found.values.shape == (2, 3)
    assert found.prefix is not None
    assert float(found.values.sum() + found.prefix.sum()) == pytest.approx(1, abs=1e-5)


def test_dino_has_heads() -> None:
    every = make("dino", subject(site()), head="all").map
    assert (every.values.shape, every.axes) == ((3, 2, 3), ("head", "row", "column"))
    one = make("dino", subject(site()), head="2").map
    assert torch.equal(one.values, every.values[2])
    assert "head 2" in one.sentence


def test_attention_of_a_layer_a_head_and_a_place() -> None:
    given = subject(site(0), site(1))
    made = make("attention", given, layer=0, query="1,2", head=1)
    expected = rows(given.trace.sites[0].attention)[1, 1 + 5, 1:].view(2, 3)
    assert torch.allclose(made.map.values, expected)
    assert made.about["site"] == "s00"
    with pytest.raises(BadOption, match="layers 0 to 1"):
        make("attention", given, layer=2)
    with pytest.raises(BadOption, match="site and layer"):
        make("attention", given, layer=0, site="s01")


@pytest.mark.parametrize(
    ("name", "given", "key", "why"),
    [
        ("rollout", subject(), "no-chain", "self-attention"),
        ("dino", subject(site(prefix=0)), "no-class-token", "no class token"),
        ("relevance", subject(site()), "no-classes", "names no classes"),
        ("rollout", subject(site(), reads_photo=False), "no-photo", "read a sentence"),
        ("grid", subject(site()), "no-such-site", "no spatial transformer"),
        ("mask", subject(site()), "no-mask", "mask"),
        ("received", subject(site(windows=2, placed=False)), "no-places", "no known places"),
    ],
)
def test_what_a_network_cannot_have_is_said(name: str, given: Subject, key: str, why: str) -> None:
    reason = registry.method(name).reason(given)
    assert reason is not None
    assert reason.key == key
    assert why in str(reason)
    assert str(reason).startswith("net: ")


def test_a_product_of_some_layers_is_refused() -> None:
    """The last stage of a pyramid is no way through the network."""
    given = subject(site(0, windows=2), site(1, windows=2), site(2, prefix=0))
    reason = registry.method("rollout").reason(given)
    assert reason is not None
    assert (reason.key, reason.parameters["chain"], reason.parameters["layers"]) == (
        "partial-chain",
        1,
        3,
    )
    assert "only 1 of 3 layers" in str(reason)


def test_windows_inside_a_patch_do_not_break_the_chain() -> None:
    """TNT's words attend within their patch: the chain of the patches is whole without them."""
    torch.manual_seed(0)
    inner = Attention(query=torch.randn(6, 1, 4, 4), key=torch.randn(6, 1, 4, 4))
    fine = torch.arange(24).view(2, 2, 3, 2).permute(0, 2, 1, 3).reshape(6, 4)
    cells = Cells(fine.int(), PatchGrid(4, 6))
    words = Site("s00", "attention", 0, "inner", inner, layout=Layout(cells, cells))
    assert registry.method("rollout").reason(subject(words, site(1))) is None


def test_the_first_map_follows_the_network() -> None:
    first = registry.first_of(subject(site()))
    assert first is not None
    assert first.name == "rollout"
    windowed = registry.first_of(subject(site(0, windows=2), site(1, windows=2)))
    assert windowed is not None
    assert windowed.name == "attention"
    assert registry.first_of(Subject(Trace(()), "net")) is None


def test_an_unknown_map_names_the_closest() -> None:
    with pytest.raises(registry.UnknownMethod, match=r"valid: attention.*Did you mean 'rollout'"):
        registry.method("rolout")


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("rollout", {"discrad": 0.5}, r"takes no 'discrad'.*Did you mean 'discard'"),
        ("rollout", {"target": "cat"}, r"takes no 'target'; it takes fusion"),
        ("rollout", {"fusion": "all"}, r"valid: mean, max, min"),
        ("rollout", {"discard": "1"}, r"valid: 0 to 0.99"),
        ("rollout", {"discard": "nan"}, "is no number"),
        ("rollout", {"discard": True}, "is no number"),
        ("dino", {"mass": 0}, r"valid: 0 to 1, 0 itself not"),
        ("attention", {"layer": "1.5"}, "is no integer"),
        ("attention", {"layer": 1.0}, "is no integer"),
        ("attention", {"window": -1}, "valid: 0 or more"),
        ("attention", {"query": [1, 2]}, "is no string"),
        ("mask", {"layer": 1}, "no options"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name: str, given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadOption, match=why):
        registry.method(name).read(given)


def test_options_come_as_text_or_as_values() -> None:
    own = registry.method("rollout")
    expected = {"fusion": "max", "discard": 0.5, "variant": "abnar"}
    assert own.read({"fusion": "max", "discard": "0.5"}) == expected
    assert own.read({"fusion": "max", "discard": 0.5}) == expected
    assert registry.method("attention").read({"layer": "-1", "query": 7})["layer"] == -1


@pytest.mark.parametrize(
    ("target", "index"),
    [(None, 1), ("0", 0), ("egyptian CAT", 0), ("tabby", 1), (" tabby, tabby cat ", 1), ("3", 2)],
)
def test_classes_by_number_and_label(target: str | None, index: int) -> None:
    assert target_of(subject(site(), predicted=1), target) == index


@pytest.mark.parametrize("target", ["3e5", "-1", "99999999999999999999", "dog", "", "nan"])
def test_unknown_classes_are_refused(target: str) -> None:
    with pytest.raises(BadOption, match="0 to 2"):
        target_of(subject(site(), predicted=1), target)
    with pytest.raises(NotPossible):
        target_of(subject(site()), target)


def test_nothing_heavy_is_imported_to_list_the_maps() -> None:
    """The command line writes its help from the registry."""
    for path in (*METHODS.glob("*.py"), *METHODS.parent.glob("kinds/*/maps.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                module = getattr(node, "module", None) or names[0]
                assert module.split(".")[0] != "torch", path
                light = (
                    r"fovea\.models(\.closest)?$|fovea\.models\.methods($|\.(?!making))"
                    r"|fovea\.models\.kinds(\.gate_map)?$"
                )
                own = re.match(light, module)
                assert own or not module.startswith("fovea."), (path.name, module)


def test_the_table_of_the_documentation_is_the_registrys() -> None:
    page = Path(__file__).parents[3] / "docs/maps.md"
    assert table() in page.read_text("utf-8")
