"""A store that hangs is asked seldom; one that refuses, or is slow, is asked as ever."""

from __future__ import annotations

import contextlib

import pytest

from backends.errors import StoreError, TimedOut, Unavailable
from backends.wire.breaker import OPEN, Breaker

PAUSE = 5.0


class Store:
    """Requests through a breaker, on a clock of their own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.breaker = Breaker(lambda: self.now)

    def ask(self, seconds: float = 0.0, error: StoreError | None = None) -> str:
        """What one request came to: an answer, an error, or that it wasn't sent."""
        try:
            with self.breaker.passing():
                self.now += seconds
                if error is not None:
                    raise error
        except TimedOut as raised:
            return "kept" if str(raised) == OPEN else "timeout"
        except StoreError:
            return "error"
        return "answer"

    def hang(self, seconds: float = 8.0) -> str:
        return self.ask(seconds, TimedOut("no answer"))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def hanging(store: Store) -> Store:
    assert [store.hang(), store.hang()] == ["timeout", "timeout"]
    return store


def test_two_requests_without_an_answer_open_it(store: Store) -> None:
    assert [store.hang(), store.hang(), store.ask()] == ["timeout", "timeout", "kept"]
    assert store.breaker.open


def test_an_answer_in_between_does_not(store: Store) -> None:
    for _ in range(5):
        assert store.hang() == "timeout"
        assert store.ask() == "answer"
    assert not store.breaker.open


def test_nor_one_while_another_waits(store: Store) -> None:
    for _ in range(5):
        with contextlib.suppress(TimedOut), store.breaker.passing():
            store.now += 4
            assert store.ask() == "answer"
            store.now += 4
            raise TimedOut("no answer")
    assert not store.breaker.open


def test_nor_a_refusal(store: Store) -> None:
    for _ in range(5):
        assert store.ask(error=Unavailable("refused")) == "error"
    assert not store.breaker.open


def test_nor_one_that_had_no_time_to_wait(store: Store) -> None:
    for _ in range(5):
        assert store.hang(0.5) == "timeout"
    assert not store.breaker.open


def test_one_at_a_time_tries_it_again(hanging: Store) -> None:
    hanging.now += PAUSE
    with contextlib.suppress(TimedOut), hanging.breaker.passing():
        assert hanging.ask() == "kept"
        hanging.now += 8
        raise TimedOut("no answer")
    assert hanging.ask() == "kept"
    hanging.now += PAUSE
    assert hanging.ask() == "answer"
    assert not hanging.breaker.open
    assert hanging.ask() == "answer"


def test_a_try_that_is_cancelled_keeps_nobody_out(hanging: Store) -> None:
    hanging.now += PAUSE
    with contextlib.suppress(KeyboardInterrupt), hanging.breaker.passing():
        raise KeyboardInterrupt
    assert hanging.ask() == "answer"
