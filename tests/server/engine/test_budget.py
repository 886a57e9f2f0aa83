"""Bytes of work in flight: who waits, who may pass, who is refused, and that nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fovea.server.engine import budget as budgets
from fovea.server.engine.budget import Budget
from fovea.server.engine.turns import CLIENT
from fovea.server.problems import QueueFull, TooManyPixels


def played(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(run())


class Work:
    """Something of a client that holds bytes until it is `done`."""

    def __init__(self, budget: Budget, nbytes: int, client: str = "") -> None:
        self.begun, self.done = asyncio.Event(), asyncio.Event()
        CLIENT.set(client)  # the task has a copy
        self.task = asyncio.create_task(self._run(budget, nbytes))

    async def _run(self, budget: Budget, nbytes: int) -> None:
        async with budget.hold(nbytes):
            self.begun.set()
            await self.done.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_fits_goes_at_once_and_the_rest_in_turn() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=5)
        first, second, third = (Work(budget, 5) for _ in range(3))
        await settle()
        assert (first.begun.is_set(), second.begun.is_set(), third.begun.is_set()) == (1, 1, 0)
        assert (budget.held, budget.waiting) == (10, 1)
        first.done.set()
        await third.begun.wait()
        assert (budget.held, budget.waiting) == (10, 0)
        second.done.set()
        third.done.set()
        await asyncio.gather(first.task, second.task, third.task)
        assert budget.held == 0

    played(scenario)


def test_small_work_passes_large_work_that_does_not_fit_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=5)
        running, large = Work(budget, 6), Work(budget, 8)
        await settle()
        small = Work(budget, 3)
        await settle()
        assert small.begun.is_set()
        monkeypatch.setattr(budgets, "OVERTAKEN_S", 0.0)
        await asyncio.sleep(0.01)
        late = Work(budget, 1)
        await settle()
        assert not late.begun.is_set()
        running.done.set()
        small.done.set()
        await settle()
        assert large.begun.is_set()
        assert late.begun.is_set()
        for work in (large, late):
            work.done.set()
            await work.task
        assert budget.held == 0

    played(scenario)


def test_small_work_that_delays_no_large_work_always_overtakes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budgets, "OVERTAKEN_S", -1.0)

    async def scenario() -> None:
        budget = Budget(10, most_waiting=5)
        running, large, other = (Work(budget, 6) for _ in range(3))
        await settle()
        small = Work(budget, 4)
        await settle()
        # Ten are held: the four of the small work and the six that the large one waits for.
        assert (small.begun.is_set(), large.begun.is_set()) == (True, False)
        running.done.set()
        await large.begun.wait()
        assert not other.begun.is_set()
        for work in (large, small, other):
            work.done.set()
            await work.task
        assert budget.held == 0

    played(scenario)


def test_clients_take_turns_in_the_line() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=9)
        running = Work(budget, 10, "greedy")
        await settle()
        begun: list[str] = []
        works = []
        for client in ("greedy", "greedy", "greedy", "modest", "modest"):
            works.append(Work(budget, 10, client))
            await settle()
        running.done.set()
        waiting = list(works)
        while waiting:
            first = await _first(waiting)
            begun.append("greedy" if works.index(first) < 3 else "modest")
            first.done.set()
            waiting.remove(first)
        assert begun == ["modest", "greedy", "modest", "greedy", "greedy"]

    played(scenario)


async def _first(works: list[Work]) -> Work:
    while not (begun := [work for work in works if work.begun.is_set()]):
        await asyncio.sleep(0)
    assert len(begun) == 1
    return begun[0]


def test_a_refusal_counts_what_is_ahead_in_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(budgets, "monotonic", lambda: clock[0])

    async def scenario() -> None:
        budget = Budget(10, most_waiting=2)
        for _ in range(30):
            share = await budget.take(6)
            clock[0] += 4.0
            share.keep(0)
        works = [Work(budget, 6) for _ in range(3)]
        await settle()
        with pytest.raises(QueueFull) as refused:
            await budget.take(6)
        assert refused.value.headers["Retry-After"] == "12"
        for work in works:
            work.done.set()
            await work.task

    played(scenario)


def test_the_line_is_bounded_in_length_and_in_time() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=1, patience_s=0.05, wait_s=lambda: 7)
        running, waiting = Work(budget, 10), Work(budget, 1)
        await settle()
        with pytest.raises(QueueFull) as raised:
            await Work(budget, 1).task
        assert raised.value.headers["Retry-After"] == "7"
        with pytest.raises(QueueFull):
            await waiting.task
        assert (budget.refused, budget.waiting) == (2, 0)
        running.done.set()
        await running.task
        assert budget.held == 0

    played(scenario)


def test_who_leaves_frees_the_way_and_what_it_was_just_given() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=5)
        running, leaving, staying = Work(budget, 10), Work(budget, 9), Work(budget, 4)
        await settle()
        running.done.set()
        await asyncio.sleep(0)
        leaving.task.cancel()
        await settle()
        assert staying.begun.is_set()
        assert budget.held == 4
        staying.done.set()
        await staying.task
        assert budget.held == 0

    played(scenario)


def test_what_could_never_fit_is_told_so() -> None:
    async def scenario() -> None:
        with pytest.raises(TooManyPixels, match="MiB"):
            await Work(Budget(10, 1), 11).task

    played(scenario)


def test_a_share_can_shrink_while_it_is_held() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=1)
        async with budget.hold(10) as share:
            share.keep(3)
            assert budget.held == 3
            share.keep(8)  # It never grows: what was given back may be another's by now.
            assert budget.held == 3
        assert budget.held == 0

    played(scenario)


def test_bytes_freed_just_as_somebody_gives_up_are_not_lost() -> None:
    async def scenario() -> None:
        budget = Budget(10, most_waiting=5)
        held = await budget.take(10)
        leaving, following = Work(budget, 10), Work(budget, 10)
        await settle()
        # The wait is over at once, and who waited learns of it a step later.
        leaving.task.cancel()
        held.keep(0)
        await following.begun.wait()
        following.done.set()
        await following.task
        assert leaving.task.cancelled()
        assert (budget.held, budget.waiting) == (0, 0)

    played(scenario)


def test_a_refusal_tells_how_long_work_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(budgets, "monotonic", lambda: clock[0])

    async def scenario() -> None:
        budget = Budget(10, most_waiting=0)
        for _ in range(30):
            share = await budget.take(10)
            clock[0] += 7.0
            share.keep(0)
        share = await budget.take(10)
        with pytest.raises(QueueFull) as refused:
            await budget.take(1)
        assert refused.value.headers["Retry-After"] == "7"
        share.keep(0)

    played(scenario)
