"""Who waits for whom: queue, batches, one pass for equal requests, cancelling, memory, draining."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
import torch

from fovea.models.catalog.spec import LoadedModel
from fovea.models.catalog.weights.weights import CorruptWeights, ModelNotLocal
from fovea.models.records import Map
from fovea.server import problems
from fovea.server.engine.device import pick_device
from fovea.server.engine.engine import Engine
from fovea.server.engine.inference import InferenceThreads
from fovea.server.settings import Settings
from tests.server.conftest import OneNetwork, png_of


def photo(seed: int) -> bytes:
    return png_of(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8))


def with_engine(scenario: Callable[[Engine, OneNetwork], Awaitable[None]], **settings: Any) -> None:
    """Runs the scenario with an engine of one network, and ends both."""

    async def run() -> None:
        networks = OneNetwork()
        engine = Engine(networks, Settings(device="cpu", **{"inference_threads": 1, **settings}))
        networks.network.open.set()
        await until(lambda: engine.not_ready is None)
        networks.network.batches.clear()
        try:
            async with asyncio.timeout(100):
                await scenario(engine, networks)
        finally:
            networks.network.open.set()
            await engine.close()

    asyncio.run(run())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(80):
        while not condition():
            await asyncio.sleep(0.002)


def test_an_analysis_is_kept_and_found_again() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        first = await engine.analyse(photo(1), None)
        assert await engine.analyse(photo(1), networks.ID) is first
        assert engine.store.get(first.id) is first
        assert [site.id for site in first.trace.sites] == ["s00"]
        assert networks.network.batches == [1]
        assert networks.loads == 1

    with_engine(scenario)


def test_equal_requests_at_once_cost_one_pass() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        both = [asyncio.create_task(engine.analyse(photo(1), None)) for _ in range(2)]
        await until(lambda: networks.network.batches)
        await asyncio.sleep(0.05)
        networks.network.open.set()
        first, second = await asyncio.gather(*both)
        assert first is second
        assert networks.network.batches == [1]

    with_engine(scenario)


def test_two_first_requests_load_a_network_once() -> None:
    async def run() -> None:
        networks = OneNetwork()
        networks.network.open.set()
        engine = Engine(networks, Settings(device="cpu", inference_threads=1))
        await asyncio.gather(*(engine.analyse(photo(seed), None) for seed in range(4)))
        assert networks.loads == 1
        await engine.close()

    asyncio.run(run())


def test_the_queue_is_bounded() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        waiting = [asyncio.create_task(engine.analyse(photo(seed), None)) for seed in range(2)]
        await until(lambda: engine.admitted == 2)
        with pytest.raises(problems.QueueFull) as raised:
            await engine.analyse(photo(3), None)
        assert raised.value.headers["Retry-After"]
        assert raised.value.limit == 2
        networks.network.open.set()
        await asyncio.gather(*waiting)
        assert engine.admitted == 0
        await engine.analyse(photo(3), None)

    with_engine(scenario, queue_size=2)


def test_a_map_that_two_ask_for_at_once_is_made_once() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        made = []

        def make(loaded: LoadedModel, inputs: torch.Tensor) -> Map:
            made.append(1)
            return Map(torch.zeros(2, 2), ("row", "column"), None, "nothing")

        seen = await engine.analyse(photo(1), None)
        asked = [engine.again(seen, "grad-cam/1", make) for _ in range(3)]
        first, *others = await asyncio.gather(*asked)
        assert made == [1]
        assert all(other is first for other in others)

    with_engine(scenario)


def test_who_asks_again_for_what_was_given_up_gets_it() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        blocking = asyncio.create_task(engine.analyse(photo(1), None))
        await until(lambda: networks.network.batches)
        given_up = asyncio.create_task(engine.analyse(photo(2), None))
        await until(lambda: engine.inference.waiting == 1)
        given_up.cancel()
        await asyncio.sleep(0)  # It has left, and its task has not ended yet.
        again = asyncio.create_task(engine.analyse(photo(2), None))
        networks.network.open.set()
        await blocking
        assert (await again).trace.sites

    with_engine(scenario)


def test_who_leaves_the_queue_costs_no_pass() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        first = asyncio.create_task(engine.analyse(photo(1), None))
        await until(lambda: networks.network.batches)
        second = asyncio.create_task(engine.analyse(photo(2), None))
        await until(lambda: engine.inference.waiting == 1)
        second.cancel()
        await asyncio.wait([second])
        networks.network.open.set()
        await first
        await engine.analyse(photo(3), None)
        assert networks.network.batches == [1, 1]
        assert len(engine.store) == 2

    with_engine(scenario)


def test_who_leaves_does_not_disturb_who_waits_for_the_same() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        blocker = asyncio.create_task(engine.analyse(photo(1), None))
        await until(lambda: networks.network.batches)
        both = [asyncio.create_task(engine.analyse(photo(2), None)) for _ in range(2)]
        await until(lambda: engine.inference.waiting == 1)
        await asyncio.sleep(0.05)
        both[0].cancel()
        await asyncio.wait(both[:1])
        networks.network.open.set()
        await blocker
        assert (await both[1]).trace.sites

    with_engine(scenario)


def batch_of(count: int, engine: Engine, networks: OneNetwork) -> Awaitable[list[Any]]:
    """`count` photos that wait together behind one that runs."""

    async def run() -> list[Any]:
        networks.network.open.clear()
        blocker = asyncio.create_task(engine.analyse(photo(100), None))
        await until(lambda: networks.network.batches)
        tasks = [asyncio.create_task(engine.analyse(photo(seed), None)) for seed in range(count)]
        await until(lambda: engine.inference.waiting == count)
        networks.network.open.set()
        await blocker
        return await asyncio.gather(*tasks, return_exceptions=True)

    return run()


def test_photos_of_one_network_go_together() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        found = await batch_of(5, engine, networks)
        assert networks.network.batches == [1, 4, 1]
        rows = [analysis.trace.sites[0].attention.query for analysis in found]
        assert all(row.shape[0] == 1 for row in rows)
        assert len({row.sum().item() for row in rows}) == 5  # each its own photo

    with_engine(scenario, max_batch=4)


def test_a_cpu_takes_one_photo_at_a_time() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        await batch_of(3, engine, networks)
        assert networks.network.batches == [1, 1, 1, 1]

    with_engine(scenario)


def test_a_mate_that_leaves_a_running_batch_does_not_disturb_it() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.open.clear()
        blocker = asyncio.create_task(engine.analyse(photo(100), None))
        await until(lambda: networks.network.batches)
        mates = [asyncio.create_task(engine.analyse(photo(seed), None)) for seed in range(3)]
        await until(lambda: engine.inference.waiting == 3)
        gate, networks.network.open = networks.network.open, threading.Event()
        gate.set()
        await blocker
        await until(lambda: networks.network.batches == [1, 3])
        mates[1].cancel()
        await asyncio.wait([mates[1]])
        networks.network.open.set()
        assert (await mates[0]).id != (await mates[2]).id

    with_engine(scenario, max_batch=8)


def test_out_of_memory_means_a_smaller_batch() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.fails_above = 2
        found = await batch_of(5, engine, networks)
        assert all(not isinstance(analysis, BaseException) for analysis in found)
        assert networks.network.batches == [1, 5, 2, 3, 1, 2]

    with_engine(scenario, max_batch=8)


def test_out_of_memory_for_one_photo_is_told_and_the_next_is_fine() -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        networks.network.fails_above = 0
        with pytest.raises(problems.OutOfMemory) as raised:
            await engine.analyse(photo(1), None)
        assert raised.value.status == 503
        networks.network.fails_above = None
        assert (await engine.analyse(photo(1), None)).trace.sites

    with_engine(scenario)


def test_a_network_that_fails_is_told_and_the_next_photo_is_fine(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(engine: Engine, networks: OneNetwork) -> None:
        whole, networks.network.project = networks.network.project, torch.nn.Linear(1, 1)
        with pytest.raises(problems.UnsuitableModel):
            await engine.analyse(photo(1), None)
        networks.network.project = whole
        assert (await engine.analyse(photo(1), None)).trace.sites

    with_engine(scenario)
    assert "forward pass of turnstile failed" in caplog.text


def no_room() -> ModelNotLocal:
    error = ModelNotLocal("weights of x are not here", "Do this.")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ModelNotLocal("weights of x are not here", "Do this."), problems.ModelNotLocal),
        (CorruptWeights("x: checksum 1 where 2 was expected", "Do that."), problems.CorruptWeights),
        (no_room(), problems.DiskFull),
        (MemoryError(), problems.OutOfMemory),
    ],
)
def test_weights_that_cannot_be_used(raised: Exception, expected: type[problems.Problem]) -> None:
    async def run() -> None:
        networks = OneNetwork()
        networks.load_error = raised
        engine = Engine(networks, Settings(device="cpu", inference_threads=1))
        with pytest.raises(expected) as told:
            await engine.analyse(photo(1), None)
        assert told.value.hint
        assert engine.not_ready is not None
        networks.load_error = None
        networks.network.open.set()
        assert (await engine.analyse(photo(1), None)).trace.sites
        await engine.close()

    asyncio.run(run())


def test_closing_finishes_what_is_under_way() -> None:
    async def run() -> None:
        networks = OneNetwork()
        engine = Engine(networks, Settings(device="cpu", inference_threads=1))
        tasks = [asyncio.create_task(engine.analyse(photo(seed), None)) for seed in range(3)]
        await until(lambda: engine.inference.waiting >= 2)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0.02)
        with pytest.raises(problems.ShuttingDown):
            await engine.analyse(photo(9), None)
        networks.network.open.set()
        await closing
        assert all(analysis.trace.sites for analysis in await asyncio.gather(*tasks))

    before = set(threading.enumerate())
    asyncio.run(run())
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if "inference" in thread.name]


def test_a_device_that_is_not_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="no device 'cuda:99'; cpu and auto always work"):
        pick_device("cuda:99")


def test_convolutions_on_a_gpu_are_not_rounded() -> None:
    before = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = True
        inference = InferenceThreads(torch.device("cpu"), 1)
        inference.close()
        assert not torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before
