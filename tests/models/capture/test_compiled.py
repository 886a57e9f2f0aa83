"""What torch.compile made is seen: run eagerly while it is watched, or named."""

import copy
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._inductor.config import patch
from torch.nn.attention.flex_attention import flex_attention

from fovea.models.capture import capture
from tests.models.capture.conftest import PHOTO, TOKENS, Block, Written, matrix, network

# torch tells of its nested tensors, and that tracing is old.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


def compiled_whole(module: nn.Module) -> nn.Module:
    return torch.compile(module, backend="eager")  # type: ignore[return-value]


def compiled_in_place(module: nn.Module) -> nn.Module:
    module.compile(backend="eager")
    return module


def compiled_blocks(module: nn.Module) -> nn.Module:
    for index, block in enumerate(module.blocks):
        module.blocks[index] = torch.compile(block, backend="eager")
    return module


def compiled_forwards(module: nn.Module) -> nn.Module:
    for block in module.blocks:
        block.forward = torch.compile(block.forward, backend="eager")
    return module


@pytest.mark.parametrize(
    "compiled", [compiled_whole, compiled_in_place, compiled_blocks, compiled_forwards]
)
@pytest.mark.parametrize("warm", [True, False])
def test_compiled_networks_are_seen(
    compiled: Callable[[nn.Module], nn.Module], warm: bool, expected: list[Tensor]
) -> None:
    module = compiled(copy.deepcopy(network()))
    with torch.no_grad():
        plain = module(PHOTO) if warm else network()(PHOTO)
        with capture(module) as recording:
            seen = module(PHOTO)
        assert torch.equal(plain, seen)
        assert torch.equal(module(PHOTO), seen), "it runs afterwards as before"
    assert [site.name for site in recording.trace.sites] == ["blocks.0", "blocks.1"]
    for site, known in zip(recording.trace.sites, expected, strict=True):
        assert torch.equal(matrix(site.attention), known)
    assert torch._dynamo.eval_frame._stance.stance == "default"


def counting(graph: Any, inputs: Any) -> Any:
    """A back end of `torch.compile` that notes each run."""

    def run(*args: Any) -> Any:
        RUNS.append(threading.get_ident())
        return graph(*args)

    return run


RUNS: list[int] = []


def test_a_compiled_function_is_named_and_other_threads_run_it_compiled() -> None:
    RUNS.clear()
    share = torch.compile(lambda x: (x @ x.mT).softmax(-1) @ x, backend=counting)

    class Calls(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return share(x)

    module = Calls()
    plain = module(TOKENS)
    found: list[Tensor] = []
    elsewhere = threading.Thread(target=lambda: found.append(share(TOKENS)))
    elsewhere.start()  # it begins before anything is watched, and is no thread of the network's
    elsewhere.join()
    assert len(RUNS) == 2
    ready, go = threading.Event(), threading.Event()

    def later() -> None:
        ready.set()
        go.wait(60)
        found.append(share(TOKENS))

    elsewhere = threading.Thread(target=later)
    elsewhere.start()
    ready.wait(60)
    with capture(module) as recording:
        seen = module(TOKENS)
        assert len(RUNS) == 2, "what is watched runs eagerly"
        go.set()
        elsewhere.join()
    assert len(RUNS) == 3, "another thread runs compiled code"
    assert len(recording.trace.sites) == 1
    (named,) = recording.unseen
    assert (named.what, named.file) == ("part", __file__)
    assert "compiled" in named.reason
    assert (seen - plain).abs().max() < 1e-6
    assert all(torch.equal(one, plain) for one in found)


@pytest.fixture
def inductor() -> Iterator[None]:
    """Inductor for two small kernels: headers made ready and trials of what the C++ compiler can
    take longer than these.
    """
    known = {"cpp.vec_isa_ok": True, "cpp.simdlen": 256}
    avx = "AVX" in torch.backends.cpu.get_cpu_capability()
    with patch({"cpp_cache_precompile_headers": False, **(known if avx else {})}):
        yield


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.usefixtures("inductor")
def test_flex_attention_that_is_compiled_keeps_its_bits() -> None:
    """Compiled it rounds otherwise than written out: it is run compiled, watched or not."""
    attend = torch.compile(flex_attention)

    class Flex(Block):
        def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return attend(q, k, v)

    module = Flex().eval()
    with torch.no_grad():
        plain = module(TOKENS)
        with capture(module) as recording:
            seen = module(TOKENS)
        q, k, _ = module.qkv(TOKENS).reshape(2, 6, 3, 4, 8).permute(2, 0, 3, 1, 4).double()
    assert torch.equal(plain, seen)
    assert not recording.unseen
    (site,) = recording.trace.sites
    expected = (q @ k.mT / 8**0.5).softmax(-1)
    assert (matrix(site.attention) - expected).abs().max() < 1e-6


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.usefixtures("inductor")
def test_what_inductor_compiled_is_seen(expected: list[Tensor]) -> None:
    module = network(Written)
    module.blocks[0].compile()
    with torch.no_grad():
        plain = module(PHOTO)
        with capture(module) as recording:
            seen = module(PHOTO)
    assert (seen - plain).abs().max() < 1e-5
    for site, known in zip(recording.trace.sites, expected, strict=True):
        assert (matrix(site.attention) - known).abs().max() < 1e-5
