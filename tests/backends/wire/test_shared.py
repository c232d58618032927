"""One fetch serves everybody who asked before it began."""

from __future__ import annotations

import asyncio

import pytest

from backends.errors import ServerFault, TimedOut
from backends.wire.deadline import Deadline
from backends.wire.shared import Shared

LONG = 20.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Source:
    """Counts how often it is asked; each answer waits to be let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def fetch(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_who_asks_while_one_is_fetched_waits_for_the_next() -> None:
    source = Source()
    shared = Shared(source.fetch)
    first = asyncio.create_task(shared.get(Deadline(LONG)))
    while source.begun == 0:
        await asyncio.sleep(0)
    others = [asyncio.create_task(shared.get(Deadline(LONG))) for _ in range(50)]
    await asyncio.sleep(0)
    source.go.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 50
    assert await shared.get(Deadline(LONG)) == 3


async def test_who_gives_up_takes_it_from_nobody_else() -> None:
    source = Source()
    shared = Shared(source.fetch)
    patient = asyncio.create_task(shared.get(Deadline(LONG)))
    with pytest.raises(TimedOut):
        await shared.get(Deadline(0.02))
    cancelled = asyncio.create_task(shared.get(Deadline(LONG)))
    await asyncio.sleep(0)
    cancelled.cancel()
    source.go.set()
    assert await patient == 1


async def test_an_error_is_everybodys_who_waited_and_nobodys_after() -> None:
    source = Source()
    source.error = ServerFault("The store failed.")
    source.go.set()
    shared = Shared(source.fetch)
    waiting = [shared.get(Deadline(LONG)) for _ in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results == [source.error] * 3
    source.error = None
    assert await shared.get(Deadline(LONG)) == 2
