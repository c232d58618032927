"""Waiting for one's turn, no longer than a sync may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.deadline import Deadline
from backends.errors import TimedOut


@asynccontextmanager
async def turn(
    lock: asyncio.Lock | asyncio.Semaphore, deadline: Deadline, message: str
) -> AsyncIterator[None]:
    """Holds a lock.

    Args:
        lock: held until the context ends.
        deadline: how long to wait for it at most.
        message: what to say when it was not to be had by then.

    Raises:
        TimedOut: others kept it too long.
    """
    left = deadline.remaining()
    if not lock.locked():
        await lock.acquire()
    else:
        try:
            async with asyncio.timeout(left):
                await lock.acquire()
        except TimeoutError:
            raise TimedOut(message) from None
    try:
        yield
    finally:
        lock.release()
