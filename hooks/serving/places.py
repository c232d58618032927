"""How many hook calls are served at a time."""

from __future__ import annotations

from hooks.sync.shares import Busy

__all__ = ["Busy", "Places"]


class Places:
    """At most so many calls at a time, and none that waits in a queue of ours.

    A place is taken for as long as the context lasts.

    Args:
        limit: SYNC_CONCURRENCY.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit

    def __enter__(self) -> None:
        """Takes a place.

        Raises:
            Busy: there is none now.
        """
        if self._free == 0:
            raise Busy
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1
