"""How many hook calls are served at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hooks.sync.shares import Busy

__all__ = ["Busy", "Places"]


class Places:
    """At most so many calls at a time, and none that waits in a queue of ours.

    Args:
        limit: SYNC_CONCURRENCY.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit

    @contextmanager
    def take(self) -> Iterator[None]:
        """Takes a place for as long as the context lasts.

        Raises:
            Busy: there is none now.
        """
        if self._free == 0:
            raise Busy
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
