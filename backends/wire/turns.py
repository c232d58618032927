"""Waiting for one's turn, no longer than a sync may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.errors import TimedOut
from backends.wire.deadline import Deadline


async def acquire(lock: asyncio.Lock | asyncio.Semaphore, deadline: Deadline, message: str) -> None:
    """Takes a lock; the caller releases it.

    Args:
        lock: not taken when this raises.
        deadline: how long to wait for it at most.
        message: what to say when it was not to be had by then.

    Raises:
        TimedOut: others kept it too long.
    """
    left = deadline.remaining()
    try:
        async with asyncio.timeout(left):
            await lock.acquire()
    except TimeoutError:
        raise TimedOut(message) from None


@asynccontextmanager
async def turn(
    lock: asyncio.Lock | asyncio.Semaphore, deadline: Deadline, message: str
) -> AsyncIterator[None]:
    """Holds a lock; see :func:`acquire`.

    Raises:
        TimedOut: others kept it too long.
    """
    await acquire(lock, deadline, message)
    try:
        yield
    finally:
        lock.release()
