"""Locks by name: no two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from backends.wire.deadline import Deadline
from backends.wire.turns import acquire


class KeyedLocks:
    """A lock for each name in use; a name that nobody holds costs nothing."""

    def __init__(self) -> None:
        # For each name: the lock, once somebody waits, and how many hold it or wait.
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock | None, int]] = {}

    def hold(self, deadline: Deadline, **names: str | Collection[str]) -> _Held:
        """Holds the lock of each name, taken in one order so that none can wait in a ring.

        A user's comes before a bucket's: who holds a user's may take one bucket's after the other.

        Args:
            deadline: how long to wait at most.
            names: kind and name, for example ``bucket="b"``, or kind and several names.

        Raises:
            TimedOut: another sync kept one of them too long.
        """
        return _Held(self, deadline, _keys(names))

    def is_held(self, kind: str, name: str) -> bool:
        """Whether somebody holds the lock of a name.

        Args:
            kind: for example ``bucket``.
            name: of one of them.
        """
        return (kind, name) in self._locks

    async def take(self, key: tuple[str, str], deadline: Deadline) -> None:
        """Takes one lock; see :meth:`hold`."""
        held = self._locks.get(key)
        if held is None:
            # There is nobody to wait for, which takes no lock and no timer.
            deadline.remaining()
            self._locks[key] = (None, 1)
            return
        lock, users = held
        if lock is None:
            # It belongs to whoever came first, and nobody else waits: so it is had at once.
            lock = asyncio.Lock()
            await lock.acquire()
        self._locks[key] = (lock, users + 1)
        message = f"Another sync of the same {key[0]} took all of this one's time."
        try:
            await acquire(lock, deadline, message)
        except BaseException:
            self.leave(key, held=False)
            raise

    def leave(self, key: tuple[str, str], *, held: bool = True) -> None:
        """Gives one lock back, or gives up waiting for it.

        Args:
            key: its kind and name.
            held: whether it was taken.
        """
        lock, users = self._locks[key]
        if held and lock is not None:
            lock.release()
        if users == 1:
            del self._locks[key]
        else:
            self._locks[key] = (lock, users - 1)


class _Held:
    """The locks of one sync, for as long as the context lasts.

    Not a generator's context: that costs more than the locks.

    Args:
        locks: all of them.
        deadline: how long to wait at most.
        keys: those wanted, in the order in which they are taken.
    """

    __slots__ = ("_deadline", "_keys", "_locks", "_taken")

    def __init__(self, locks: KeyedLocks, deadline: Deadline, keys: list[tuple[str, str]]) -> None:
        self._locks = locks
        self._deadline = deadline
        self._keys = keys
        self._taken: list[tuple[str, str]] = []

    async def __aenter__(self) -> None:
        try:
            for key in self._keys:
                await self._locks.take(key, self._deadline)
                self._taken.append(key)
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        for key in self._taken:
            self._locks.leave(key)


def _keys(names: Mapping[str, str | Collection[str]]) -> list[tuple[str, str]]:
    keys = {
        (kind, name)
        for kind, given in names.items()
        for name in ((given,) if isinstance(given, str) else given)
    }
    return sorted(keys, reverse=True)
