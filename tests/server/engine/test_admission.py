"""The places of the queue: bounded, lent, and given back in order."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fovea.server.engine.admission import Places
from fovea.server.problems import QueueFull


def played(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(run())


class Waiting:
    """Something in work that lends its place until `here` is set, and then works until `done`."""

    def __init__(self, places: Places, log: list[str], name: str) -> None:
        self.here, self.done = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._work(places, log, name))

    async def _work(self, places: Places, log: list[str], name: str) -> None:
        with places.one() as place:
            async with place.lent():
                await self.here.wait()
            log.append(name)
            await self.done.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_place_is_taken_and_free_again_after_a_failure() -> None:
    places = Places(1)

    def fail() -> None:
        with places.one():
            assert places.taken == 1
            with pytest.raises(QueueFull), places.one():
                pass
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert places.taken == 0


def test_a_lent_place_is_others_to_use_and_comes_back_before_newcomers() -> None:
    async def scenario() -> None:
        places, log = Places(2), list[str]()
        first, second = (Waiting(places, log, name) for name in ("first", "second"))
        await settle()
        assert (places.taken, places.away) == (0, 2)
        with pytest.raises(QueueFull) as raised:  # Whoever is away keeps a photo.
            await Waiting(places, log, "third").task
        assert "wait for their networks" in raised.value.detail
        assert (places.taken, places.away) == (0, 2)
        with places.one():
            with places.one():
                second.here.set()
                await settle()
                first.here.set()
                await settle()
                assert log == []
                assert (places.taken, places.away) == (2, 2)
            # The place that is free now goes to who asked first, not to a newcomer.
            with pytest.raises(QueueFull), places.one():
                pass
            await settle()
            assert log == ["second"]
        await settle()
        assert log == ["second", "first"]
        assert (places.taken, places.away) == (2, 0)
        first.done.set()
        second.done.set()
        await asyncio.gather(first.task, second.task)
        assert (places.taken, places.away) == (0, 0)

    played(scenario)


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "just as it is its turn"])
def test_who_gives_up_on_the_way_back_blocks_nobody(given: bool) -> None:
    async def scenario() -> None:
        places, log = Places(1), list[str]()
        leaving, staying = Waiting(places, log, "leaving"), None
        await settle()
        with places.one():
            leaving.here.set()
            await settle()
            if not given:
                leaving.task.cancel()
                await settle()
            staying = asyncio.create_task(places.take_back())
            await settle()
            assert not staying.done()
        if given:  # Its place has been handed to it, and it has not run since.
            leaving.task.cancel()
        await staying
        assert (places.taken, places.away, log) == (1, 0, [])
        places.give()
        assert places.taken == 0

    played(scenario)


def test_a_failed_wait_leaves_no_trace() -> None:
    async def scenario() -> None:
        places = Places(1)

        async def fail() -> None:
            with places.one() as place:
                async with place.lent():
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert (places.taken, places.away) == (0, 0)

    played(scenario)
