"""The seconds at which credentials change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.claim.schedule import Schedule, read_moment, read_period

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h", 3600), ("90d", 90 * DAY), ("2w", 14 * DAY), ("99999h", 359996400)]
)
def test_spans(text: str, seconds: int) -> None:
    assert read_period(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "90", "0h", "59m", "1.5h", "-1d", "1 d", "90D", "1h30m", "100000h", "\uff190d"]
)
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90d"):
        read_period(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02T00:00:00Z", DAY),
        ("2026-01-31T12:00:00Z", 1769860800),
        ("2026-01-31T14:00:00+02:00", 1769860800),
        ("2026-01-31t12:00:00.999z", 1769860800),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert read_moment(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "20260131T120000Z",
        "2026-02-31T12:00:00Z",
        "1969-12-31T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        read_moment(text)


@given(
    st.integers(1, 9999),
    st.integers(DAY, 2**33),
    st.text("abc-", min_size=1, max_size=9),
)
def test_boundaries_are_one_period_apart_and_next_to_one_another(
    hours: int, now: int, name: str
) -> None:
    period = hours * 3600
    schedule = Schedule.of(period, 0, "team", name)
    latest, before = schedule.past(now)
    assert latest <= now < latest + period or latest == 0
    if before:
        assert latest - before == period
    if latest:
        assert schedule.next(latest) == latest + period
        assert schedule.past(latest) == (latest, before)
        assert schedule.past(latest - 1)[0] == before
        assert (latest - schedule.shift) % period == 0


def test_not_all_secrets_rotate_at_once() -> None:
    shifts = {Schedule.of(90 * DAY, 0, "team", f"app-{number}").shift for number in range(100)}
    assert len(shifts) == 100


def test_a_time_of_its_own_counts_once_it_has_come() -> None:
    schedule = Schedule.of(0, 1000, "team", "app")
    assert schedule.past(999) == (0, 0)
    assert schedule.past(1000) == (1000, 0)
    assert schedule.next(0) == 1000
    assert schedule.next(1000) is None


def test_both_together() -> None:
    schedule = Schedule(period=100, shift=10, once=250)
    assert schedule.past(249) == (210, 110)
    assert schedule.past(250) == (250, 210)
    assert schedule.past(310) == (310, 250)
    assert schedule.next(210) == 250
    assert schedule.next(250) == 310
