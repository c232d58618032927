"""How fast something may be done at most."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """So many at once after a rest, then so many a second; for one thread.

    Args:
        per_second: how many in the long run.
        burst: how many at once after a rest, one at least.
        now: the time in seconds, from any beginning.
    """

    def __init__(
        self, per_second: float, burst: int, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1 / per_second
        self._ahead = (burst - 1) * self._interval
        self._now = now
        # When the next would come if all came evenly.
        self._due = now()

    def wait(self) -> float:
        """Seconds until the next may be done, 0 for now."""
        return max(self._due - self._ahead - self._now(), 0.0)

    def done(self) -> None:
        """Counts one that is done now."""
        self._due = max(self._due, self._now()) + self._interval
