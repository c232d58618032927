"""Work that outlives whoever began it."""

from __future__ import annotations

import asyncio

import pytest

from backends.cleanup import Cleanup
from backends.deadline import Deadline
from backends.errors import ServerFault
from tests.support import wait


def test_work_has_a_time_of_its_own_and_its_errors_are_told() -> None:
    async def undo(deadline: Deadline) -> None:
        assert deadline.remaining() > 1
        raise ServerFault("said by the store")

    with pytest.raises(ServerFault, match="said by the store"):
        wait(Cleanup().run(undo))


def test_work_goes_on_where_the_caller_is_cancelled_and_is_waited_for_at_the_end() -> None:
    async def run() -> list[str]:
        cleanup, begun, may_end, done = Cleanup(), asyncio.Event(), asyncio.Event(), []

        async def undo(_: Deadline) -> None:
            begun.set()
            await may_end.wait()
            done.append("undone")

        caller = asyncio.create_task(cleanup.run(undo))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        closing = asyncio.create_task(cleanup.close())
        await asyncio.sleep(0)
        assert not closing.done()
        may_end.set()
        await closing
        return done

    assert wait(run()) == ["undone"]


def test_work_that_hangs_does_not_keep_the_process_from_ending() -> None:
    async def run() -> bool:
        cleanup, left = Cleanup(), asyncio.Event()

        async def undo(_: Deadline) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                left.set()

        caller = asyncio.create_task(cleanup.run(undo))
        await asyncio.sleep(0)
        await cleanup.close()
        with pytest.raises(asyncio.CancelledError):
            await caller
        return left.is_set()

    assert wait(run())


def test_nothing_to_wait_for_takes_no_time() -> None:
    wait(Cleanup().close())
