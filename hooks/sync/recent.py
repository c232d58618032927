"""What was seen lately, in bounded memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Recent(Generic[T]):
    """The last few things added; a hint only, since a restart forgets them all.

    Args:
        limit: how many are remembered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[T, None] = {}

    def __contains__(self, item: object) -> bool:
        return item in self._seen

    def add(self, item: T) -> None:
        """Remembers it as the newest, and forgets the oldest that is too much."""
        self._seen.pop(item, None)
        self._seen[item] = None
        if len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]
