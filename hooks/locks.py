"""Locks by name: no two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from backends.deadline import Deadline
from backends.turns import turn


class KeyedLocks:
    """A lock for each name in use; a name that nobody holds costs nothing."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, deadline: Deadline, **names: str) -> AsyncIterator[None]:
        """Holds the lock of each name, taken in one order so that none can wait in a ring.

        Args:
            deadline: how long to wait at most.
            names: kind and name, for example ``bucket="b"``.

        Raises:
            TimedOut: another sync kept one of them too long.
        """
        async with AsyncExitStack() as stack:
            for key in sorted(names.items()):
                await stack.enter_async_context(self._hold(key, deadline))
            yield

    @asynccontextmanager
    async def _hold(self, key: tuple[str, str], deadline: Deadline) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        message = f"Another sync of the same {key[0]} took all of this one's time."
        try:
            async with turn(lock, deadline, message):
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
