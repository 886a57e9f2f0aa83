"""The pieces of a job on their own: its rate, its keeping, its example."""

import asyncio
import threading

import pytest

from fovea.server.engine.jobs import KEPT, RATE_OVER_S, Job, Jobs, Meter
from fovea.server.wire import examples, job_schemas


def test_the_example_is_what_the_schema_says() -> None:
    job_schemas.Job.model_validate(examples.JOB)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now = 100.0
    meter = Meter(lambda: now)
    assert meter.rate is None
    assert meter.seconds_left is None
    meter.report(1000, 100_000)  # what an earlier download brought does not count
    for second in range(1, 21):
        now = 100.0 + second
        rate = 500 if second <= 10 else 2000
        meter.report(meter.received + rate, 100_000)
    assert meter.rate == pytest.approx(2000)
    assert meter.seconds_left == pytest.approx((100_000 - meter.received) / 2000)
    now += 2 * RATE_OVER_S  # nothing comes any more
    assert meter.rate is not None
    assert meter.rate < 800
    meter.report(0, 100_000)  # it began anew
    assert meter.rate is None


def test_long_finished_jobs_are_forgotten_and_unfinished_ones_are_not() -> None:

    async def scenario() -> None:
        jobs = Jobs()
        go = threading.Event()
        waiting = jobs.start("download", "slow", lambda report, stopped: go.wait(30) and None)
        done: list[Job] = []
        for number in range(KEPT + 5):
            done.append(jobs.start("download", str(number), lambda report, stopped: None))
            await done[-1].wait()
        jobs.start("download", "last", lambda report, stopped: None)
        assert jobs.get(waiting.id) is waiting
        assert jobs.get(done[-1].id) is done[-1]
        with pytest.raises(Exception, match="no job"):
            jobs.get(done[0].id)
        go.set()
        await waiting.wait()
        jobs.close()

    asyncio.run(scenario())
