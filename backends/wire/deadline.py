"""The time that one sync may still take."""

from __future__ import annotations

import time

from backends.errors import TimedOut


class Deadline:
    """A fixed point in time, shared by every step of one sync.

    Args:
        seconds: how long from now.
    """

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, always more than zero.

        Raises:
            TimedOut: nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut("The store did not answer within the time of one sync.")
        return left
