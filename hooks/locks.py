"""Locks by name: no two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from backends.deadline import Deadline
from backends.errors import TimedOut


class KeyedLocks:
    """A lock for each name in use; a name that nobody holds costs nothing."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, str], tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, deadline: Deadline, **names: str) -> Iterator[None]:
        """Holds the lock of each name, taken in one order so that none can wait in a ring.

        Args:
            deadline: how long to wait at most.
            names: kind and name, for example ``bucket="b"``.

        Raises:
            TimedOut: another sync kept one of them too long.
        """
        with ExitStack() as stack:
            for key in sorted(names.items()):
                stack.enter_context(self._hold(key, deadline))
            yield

    @contextmanager
    def _hold(self, key: tuple[str, str], deadline: Deadline) -> Iterator[None]:
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            if not lock.acquire(timeout=deadline.remaining()):
                raise TimedOut(f"Another sync of the same {key[0]} took all of this one's time.")
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)
