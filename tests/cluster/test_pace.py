"""A pace, by a clock of the tests."""

from __future__ import annotations

from hooks.cluster.pace import Pace


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def at_once(pace: Pace) -> int:
    """How many may be done right now, and are."""
    count = 0
    while pace.wait() == 0:
        pace.done()
        count += 1
    return count


def test_a_burst_and_then_an_even_pace() -> None:
    clock = Clock()
    pace = Pace(4, 3, now=clock)
    assert at_once(pace) == 3
    for _ in range(5):
        assert pace.wait() == 0.25
        clock.seconds += 0.25
        assert at_once(pace) == 1


def test_a_rest_gives_back_a_burst_and_no_more() -> None:
    clock = Clock()
    pace = Pace(4, 3, now=clock)
    assert at_once(pace) == 3
    clock.seconds += 0.5
    assert at_once(pace) == 2
    clock.seconds += 3600
    assert at_once(pace) == 3


def test_without_a_burst_one_at_a_time() -> None:
    clock = Clock()
    pace = Pace(2, 1, now=clock)
    assert at_once(pace) == 1
    assert pace.wait() == 0.5


def test_who_comes_late_is_not_made_to_wait_for_it() -> None:
    clock = Clock()
    pace = Pace(2, 1, now=clock)
    pace.done()
    clock.seconds += 0.75
    pace.done()
    assert pace.wait() == 0.5
