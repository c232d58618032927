"""Work that outlives whoever began it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from backends.errors import ServerFault, TimedOut
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from tests.support import wait

LEFT = "a bucket of nobody's"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "backends"):
        yield caplog


async def _fail(_: Deadline) -> None:
    raise ServerFault("said by the store")


class Work:
    """Ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.ended = 0

    async def __call__(self, deadline: Deadline) -> None:
        assert deadline.remaining() > 1
        self.begun.set()
        await self.may_end.wait()
        self.ended += 1


def test_an_error_is_raised_and_told_with_what_is_left(told: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ServerFault, match="said by the store"):
        wait(Cleanup().run("bucket", LEFT, _fail, Deadline(10)))
    assert LEFT in told.text
    assert "said by the store" not in told.text


def test_work_goes_on_where_the_caller_is_cancelled_and_is_waited_for_at_the_end() -> None:
    async def run() -> None:
        cleanup, work = Cleanup(), Work()
        caller = asyncio.create_task(cleanup.run("bucket", LEFT, work, Deadline(10)))
        await work.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        closing = asyncio.create_task(cleanup.close())
        await asyncio.sleep(0)
        assert not closing.done()
        work.may_end.set()
        await closing
        assert work.ended == 1

    wait(run())


def test_a_sync_waits_no_longer_than_it_may_and_the_next_until_all_is_undone() -> None:
    async def run() -> None:
        cleanup, work = Cleanup(), Work()
        with pytest.raises(TimedOut):
            await cleanup.run("bucket", LEFT, work, Deadline(0.05))
        with pytest.raises(TimedOut):
            await cleanup.settled("bucket", Deadline(0.05))
        await cleanup.settled("another", Deadline(0.05))
        again = cleanup.start("bucket", LEFT, work)
        next_sync = asyncio.create_task(cleanup.settled("bucket", Deadline(10)))
        await asyncio.sleep(0)
        assert not next_sync.done()
        work.may_end.set()
        await next_sync
        assert again.done()
        assert work.ended == 2
        await cleanup.settled("bucket", Deadline(-1))

    wait(run())


def test_work_that_failed_keeps_nobody_waiting(told: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        cleanup = Cleanup()
        cleanup.start("bucket", LEFT, _fail)
        await cleanup.settled("bucket", Deadline(10))

    wait(run())
    assert LEFT in told.text
    assert "never retrieved" not in told.text


def test_work_that_hangs_is_told_and_does_not_keep_the_process_from_ending(
    told: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        cleanup, work = Cleanup(), Work()
        task = cleanup.start("bucket", LEFT, work)
        await work.begun.wait()
        await cleanup.close()
        assert task.cancelled()
        await cleanup.close()

    wait(run())
    assert f"{LEFT} (the process ends)" in told.text
