"""Turns go round networks and clients, and passes that nobody waits for end."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from fovea.models.catalog.spec import LoadedModel
from fovea.models.tracing.stopping import Abandoned, check
from fovea.server.engine.inference import InferenceThreads
from fovea.server.engine.threads import ALL_CORES
from fovea.server.engine.turns import CLIENT, Turns
from tests.server.conftest import OneNetwork, until

INPUTS = torch.zeros(1, 3, 32, 32)


def order(jobs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    turns: Turns[tuple[str, str, int]] = Turns()
    for number, (network, client) in enumerate(jobs):
        turns.add(network, client, (network, client, number))
    taken = []
    while turns:
        (job,) = turns.take(lambda job: True, 1, lambda first, other: first is other)
        taken.append(job[:2])
    return taken


def test_a_quick_network_waits_for_one_pass_of_a_slow_one_only() -> None:
    found = order([*[("slow", f"c{i}") for i in range(24)], ("quick", "me")])
    assert found.index(("quick", "me")) <= 1
    assert len(found) == 25


def test_a_client_with_many_requests_does_not_shut_out_one_with_a_single_one() -> None:
    assert order([*[("vit", "busy")] * 10, ("vit", "me")]).index(("vit", "me")) <= 1


def test_each_client_is_served_in_its_own_order() -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for number in range(3):
        turns.add("vit", "a", ("a", number))
        turns.add("vit", "b", ("b", number))
    taken = [turns.take(lambda job: True, 1, lambda a, b: a is b)[0] for _ in range(6)]
    assert [n for name, n in taken if name == "a"] == [0, 1, 2]
    assert [n for name, n in taken if name == "b"] == [0, 1, 2]


@contextmanager
def threads(count: int) -> Iterator[tuple[InferenceThreads, LoadedModel]]:
    networks = OneNetwork()
    networks.network.open.set()
    inference = InferenceThreads(torch.device("cpu"), 1, count)
    try:
        yield inference, networks.load(OneNetwork.ID)
    finally:
        networks.network.open.set()
        inference.close()


def test_a_pass_that_nobody_waits_for_ends_at_its_next_block() -> None:
    with threads(1) as (inference, loaded):
        begun = threading.Event()

        def endless(loaded: LoadedModel, inputs: Any) -> None:
            begun.set()
            while True:
                check()

        given_up = inference.submit_again(loaded, INPUTS, endless)
        assert begun.wait(10)
        given_up.cancel()
        assert isinstance(given_up.exception(10), Abandoned)
        assert inference.abandoned["running"] == 1
        assert inference.submit(loaded, INPUTS).result(10).trace.sites


def test_what_is_given_up_in_the_queue_is_never_run() -> None:
    with threads(1) as (inference, loaded):
        blocked = threading.Event()
        first = inference.submit_again(loaded, INPUTS, lambda *_: blocked.wait(10))
        second = inference.submit_again(loaded, INPUTS, lambda *_: pytest.fail("it ran"))
        until(lambda: inference.waiting == 1)
        second.cancel()
        blocked.set()
        assert first.result(10)
        with pytest.raises(CancelledError):
            second.result(10)
        assert inference.submit(loaded, INPUTS).result(10).trace.sites
        assert inference.abandoned["queued"] == 1


def test_photos_that_wait_share_the_cores_and_a_lone_one_has_them_all() -> None:
    with threads(2) as (inference, loaded):
        meeting, cores = threading.Barrier(2, timeout=100), []
        other = OneNetwork().load(OneNetwork.ID)

        def meet(loaded: LoadedModel, inputs: Any) -> None:
            meeting.wait()  # Both are under way at once, or the barrier breaks.
            cores.append(torch.get_num_threads())

        both = [inference.submit_again(each, INPUTS, meet) for each in (loaded, other)]
        for future in both:
            future.result(20)
        assert sum(cores) <= ALL_CORES + max(cores)  # At most the first had begun alone.
        lone = inference.submit_again(loaded, INPUTS, lambda *_: torch.get_num_threads())
        assert lone.result(10) == ALL_CORES


def test_passes_of_its_own_have_the_network_for_themselves() -> None:
    with threads(3) as (inference, loaded):
        inside, most = [0], [0]

        def alone(loaded: LoadedModel, inputs: Any) -> None:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.02)
            inside[0] -= 1

        for future in [inference.submit_again(loaded, INPUTS, alone) for _ in range(6)]:
            future.result(20)
        assert most[0] == 1


def test_two_clients_of_a_running_server_alternate() -> None:
    with threads(1) as (inference, loaded):
        blocked, seen = threading.Event(), list[str]()
        inference.submit_again(loaded, INPUTS, lambda *_: blocked.wait(10))
        futures = []
        for client in ("busy", "busy", "busy", "me"):
            token = CLIENT.set(client)
            futures.append(
                inference.submit_again(loaded, INPUTS, lambda *_, who=client: seen.append(who))
            )
            CLIENT.reset(token)
        blocked.set()
        for future in futures:
            future.result(10)
        assert seen.index("me") <= 1
