"""A breaker: a store that doesn't answer is asked seldom, instead of by everybody at once.

Whoever waits for it keeps one of the few places in which others could be served.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends.errors import TimedOut

# Requests in a row that got no answer, with none that did since the first began.
_FAILURES = 2
# Seconds between two tries while it is open.
_PAUSE = 5.0
# Seconds that have to be waited before no answer says anything about the store.
_PATIENCE = 1.0
OPEN = (
    "The store hasn't answered the last requests: it is asked by one Secret after the other until "
    "it answers."
)


class Breaker:
    """Lets requests to one store through; for one event loop.

    Only a store that hangs is kept from: one that refuses costs nobody any time.

    Args:
        clock: seconds, from whenever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._answered = clock()
        self._next = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether the store is kept from."""
        return self._failures >= _FAILURES

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What a request is sent within.

        Raises:
            TimedOut: it isn't to be sent now.
        """
        began = self._clock()
        trying = self.open
        if trying and (self._trying or began < self._next):
            raise TimedOut(OPEN)
        self._trying = self._trying or trying
        try:
            yield
        except TimedOut:
            self._timed_out(began)
            raise
        except Exception:
            self._answer()
            raise
        else:
            self._answer()
        finally:
            # Who is cancelled learns nothing of the store.
            if trying:
                self._trying = False

    def _answer(self) -> None:
        self._answered = self._clock()
        self._failures = 0

    def _timed_out(self, began: float) -> None:
        now = self._clock()
        if self._answered <= began and now - began >= _PATIENCE:
            self._failures += 1
            self._next = now + _PAUSE
