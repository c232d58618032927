"""The threads that wait for the store: never more than there are, and none in a queue."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hooks.workers import Busy, Workers

LONG = 20.0
SHORT = 0.02


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, LONG))


@asynccontextmanager
async def blocked(workers: Workers, calls: int) -> AsyncIterator[threading.Event]:
    """So many calls that wait for an event, each in its thread."""
    release = threading.Event()
    started = threading.Barrier(calls + 1)

    def wait() -> None:
        started.wait(LONG)
        release.wait(LONG)

    tasks = [asyncio.create_task(workers.run(wait, LONG)) for _ in range(calls)]
    await asyncio.to_thread(started.wait, LONG)
    try:
        yield release
    finally:
        release.set()
        await asyncio.gather(*tasks)


def test_a_result_comes_back_from_another_thread() -> None:
    async def scenario() -> None:
        assert await Workers(1).run(threading.get_ident, LONG) != threading.get_ident()

    run(scenario())


@pytest.mark.parametrize("limit", [1, 3])
def test_a_call_beyond_the_limit_is_refused_at_once(limit: int) -> None:
    async def scenario() -> None:
        workers = Workers(limit)
        async with blocked(workers, limit):
            with pytest.raises(Busy):
                await workers.run(lambda: None, LONG)
        assert await workers.run(lambda: "again", LONG) == "again"

    run(scenario())


def test_a_call_that_takes_too_long_keeps_its_place_until_it_is_done() -> None:
    async def scenario() -> None:
        workers = Workers(1)
        release = threading.Event()
        done = threading.Event()

        def slow() -> None:
            release.wait(LONG)
            done.set()

        with pytest.raises(TimeoutError):
            await workers.run(slow, SHORT)
        with pytest.raises(Busy):
            await workers.run(lambda: None, LONG)
        release.set()
        assert await asyncio.to_thread(done.wait, LONG)
        assert await until_free(workers) == "free"

    run(scenario())


def test_an_error_is_the_callers_and_frees_the_place() -> None:
    async def scenario() -> None:
        workers = Workers(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await workers.run(lambda: 1 / 0, LONG)

    run(scenario())


def test_an_error_after_the_time_is_over_frees_the_place_and_disturbs_nobody() -> None:
    complaints: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        workers = Workers(1)
        release = threading.Event()

        def fail() -> None:
            release.wait(LONG)
            raise ValueError("hunter2")

        with pytest.raises(TimeoutError):
            await workers.run(fail, SHORT)
        release.set()
        assert await until_free(workers) == "free"

    run(scenario())
    assert complaints == []


def test_a_caller_that_goes_away_does_not_free_the_place_before_the_call_is_done() -> None:
    async def scenario() -> None:
        workers = Workers(1)
        release = threading.Event()
        started = threading.Event()

        def slow() -> None:
            started.set()
            release.wait(LONG)

        task = asyncio.create_task(workers.run(slow, LONG))
        assert await asyncio.to_thread(started.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Busy):
            await workers.run(lambda: None, LONG)
        release.set()
        assert await until_free(workers) == "free"

    run(scenario())


def test_the_callers_context_goes_along() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def scenario() -> None:
        variable.set("set")
        assert await Workers(1).run(variable.get, LONG) == "set"

    run(scenario())


def test_no_call_is_taken_after_closing() -> None:
    async def scenario() -> None:
        workers = Workers(1)
        workers.close()
        for _ in range(2):
            with pytest.raises(Busy):
                await workers.run(lambda: None, LONG)

    run(scenario())


async def until_free(workers: Workers) -> str:
    """What the next call that is taken answers."""
    while True:
        try:
            return await workers.run(lambda: "free", LONG)
        except Busy:
            await asyncio.sleep(0)
