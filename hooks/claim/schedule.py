"""When generated credentials are to change: ``rotate-after`` and ``rotate``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}
# datetime reads more forms than RFC 3339 has.
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_FIRST = datetime(1970, 1, 2, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The seconds at which credentials change, in Unix time.

    Args:
        period: seconds between two boundaries, 0 for none.
        shift: seconds by which boundaries are moved, so that not all Secrets rotate at once.
        once: one more such second, 0 for none.
    """

    period: int = 0
    shift: int = 0
    once: int = 0

    @classmethod
    def of(cls, period: int, once: int, namespace: str, name: str) -> Schedule:
        """A Secret's.

        Args:
            period: seconds between two rotations, 0 for none.
            once: the second of a single one, 0 for none.
            namespace: the Secret's.
            name: the Secret's.
        """
        if not period:
            return cls(once=once)
        digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
        return cls(period, int.from_bytes(digest[:8]) % period, once)

    def past(self, now: int) -> tuple[int, int]:
        """The latest second that has come, and the one before it; 0 where there is none."""
        marks = {0}
        if self.period:
            last = now - (now - self.shift) % self.period
            marks |= {last, last - self.period}
        if self.once <= now:
            marks.add(self.once)
        latest, *before = sorted((mark for mark in marks if mark >= 0), reverse=True)
        return latest, before[0] if before else 0

    def next(self, since: int) -> int | None:
        """The first second after credentials' own; past where a rotation is due."""
        marks = [self.once] if self.once > since else []
        if self.period:
            marks.append(since + self.period - (since - self.shift) % self.period)
        return min(marks, default=None)


def read_period(text: str) -> int:
    """Seconds of a span such as ``90d``.

    Raises:
        ValueError: it isn't one.
    """
    match = _PERIOD.fullmatch(text)
    if not match:
        raise ValueError("must be a whole number of h, d or w, such as 90d")
    return int(match[1]) * _SECONDS[match[2]]


def read_moment(text: str) -> int:
    """Unix seconds of a time in RFC 3339.

    Raises:
        ValueError: it isn't one.
    """
    problem = "must be a time in RFC 3339, such as 2026-01-31T12:00:00Z"
    if not _MOMENT.fullmatch(text):
        raise ValueError(problem)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(problem) from None
    # In another zone the last year may be over: no annotation can show that.
    if not _FIRST <= moment <= _LAST:
        raise ValueError(problem)
    return int(moment.timestamp())
