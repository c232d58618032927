"""Locks by name: no two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from backends.wire.deadline import Deadline
from backends.wire.turns import acquire


class KeyedLocks:
    """A lock for each name in use; a name that nobody holds costs nothing."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, deadline: Deadline, **names: str | Collection[str]) -> AsyncIterator[None]:
        """Holds the lock of each name, taken in one order so that none can wait in a ring.

        A user's comes before a bucket's: who holds a user's may take one bucket's after the other.

        Args:
            deadline: how long to wait at most.
            names: kind and name, for example ``bucket="b"``, or kind and several names.

        Raises:
            TimedOut: another sync kept one of them too long.
        """
        taken = []
        try:
            for key in _keys(names):
                await self._take(key, deadline)
                taken.append(key)
            yield
        finally:
            for key in taken:
                self._locks[key][0].release()
                self._leave(key)

    def is_held(self, kind: str, name: str) -> bool:
        """Whether somebody holds the lock of a name.

        Args:
            kind: for example ``bucket``.
            name: of one of them.
        """
        return (kind, name) in self._locks

    async def _take(self, key: tuple[str, str], deadline: Deadline) -> None:
        held = self._locks.get(key)
        if held is None:
            # There is nobody to wait for, which takes no timer.
            deadline.remaining()
            lock = asyncio.Lock()
            await lock.acquire()
            self._locks[key] = (lock, 1)
            return
        lock, users = held
        self._locks[key] = (lock, users + 1)
        message = f"Another sync of the same {key[0]} took all of this one's time."
        try:
            await acquire(lock, deadline, message)
        except BaseException:
            self._leave(key)
            raise

    def _leave(self, key: tuple[str, str]) -> None:
        lock, users = self._locks[key]
        if users == 1:
            del self._locks[key]
        else:
            self._locks[key] = (lock, users - 1)


def _keys(names: Mapping[str, str | Collection[str]]) -> list[tuple[str, str]]:
    keys = {
        (kind, name)
        for kind, given in names.items()
        for name in ((given,) if isinstance(given, str) else given)
    }
    return sorted(keys, reverse=True)
