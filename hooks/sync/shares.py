"""How many hook calls each of several stores is served at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Busy(Exception):
    """All places are taken; the caller is to come again."""


class Shares:
    """Keeps a share of the places for every store: one that hangs can't take them all.

    Half of all are shared out evenly, and kept free for the stores that they belong to. The others
    are whoever's comes first.

    Args:
        limit: SYNC_CONCURRENCY.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, store: str, stores: Collection[str]) -> Iterator[None]:
        """Takes a place for as long as the context lasts.

        Args:
            store: for whom.
            stores: all that there are.

        Raises:
            Busy: what is left is kept for others.
        """
        share = self._limit // (2 * len(stores))
        kept = sum(max(share - self._taken[other], 0) for other in stores if other != store)
        if self._limit - self._taken.total() <= kept:
            raise Busy
        self._taken[store] += 1
        try:
            yield
        finally:
            self._taken[store] -= 1
            if not self._taken[store]:
                del self._taken[store]
