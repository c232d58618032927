"""No two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.deadline import Deadline
from backends.errors import TimedOut
from hooks.locks import KeyedLocks

LONG = 20.0
SHORT = 0.05


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"bucket": "b", "user": "u"}, id="the same of both"),
        pytest.param({"bucket": "b", "user": "other"}, id="the same bucket"),
        pytest.param({"bucket": "other", "user": "u"}, id="the same user"),
    ],
)
def test_a_name_that_is_held_is_waited_for_no_longer_than_the_deadline(
    names: dict[str, str],
) -> None:
    locks = KeyedLocks()
    with (
        locks.hold(Deadline(LONG), bucket="b", user="u"),
        pytest.raises(TimedOut, match=r"same (bucket|user)"),
        locks.hold(Deadline(SHORT), **names),
    ):
        pytest.fail("two hold the same name")


def test_the_message_of_a_timeout_does_not_name_what_was_waited_for() -> None:
    locks = KeyedLocks()
    with (
        locks.hold(Deadline(LONG), user="somebody"),
        pytest.raises(TimedOut) as caught,
        locks.hold(Deadline(SHORT), user="somebody"),
    ):
        pytest.fail("two hold the same name")
    assert "somebody" not in str(caught.value)


def test_other_names_are_not_waited_for() -> None:
    locks = KeyedLocks()
    with (
        locks.hold(Deadline(LONG), bucket="b", user="u"),
        # A user of the bucket's name is another thing than the bucket.
        locks.hold(Deadline(SHORT), bucket="u", user="b"),
    ):
        pass


def test_a_name_is_free_again_afterwards() -> None:
    locks = KeyedLocks()
    for _ in range(2):
        with locks.hold(Deadline(SHORT), bucket="b", user="u"):
            pass


def test_a_name_is_free_again_after_an_error() -> None:
    locks = KeyedLocks()
    with pytest.raises(RuntimeError), locks.hold(Deadline(LONG), bucket="b", user="u"):
        raise RuntimeError
    with locks.hold(Deadline(SHORT), bucket="b", user="u"):
        pass


def test_whoever_gives_up_lets_go_of_what_it_had() -> None:
    locks = KeyedLocks()
    with (
        locks.hold(Deadline(LONG), user="u"),
        pytest.raises(TimedOut),
        locks.hold(Deadline(SHORT), bucket="b", user="u"),
    ):
        pytest.fail("two hold the same name")
    with locks.hold(Deadline(SHORT), bucket="b", user="u"):
        pass


def test_a_deadline_that_is_over_holds_nothing() -> None:
    locks = KeyedLocks()
    over = Deadline(-1)
    with pytest.raises(TimedOut), locks.hold(over, bucket="b"):
        pytest.fail("there was no time left")
    with locks.hold(Deadline(SHORT), bucket="b"):
        pass


def test_a_waiter_goes_on_when_the_name_is_free() -> None:
    locks = KeyedLocks()
    waiting = threading.Event()
    entered = threading.Event()

    def wait() -> None:
        waiting.set()
        with locks.hold(Deadline(LONG), user="u"):
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with locks.hold(Deadline(LONG), user="u"):
            future = pool.submit(wait)
            assert waiting.wait(LONG)
            assert not entered.is_set()
        future.result(LONG)
    assert entered.is_set()


def test_threads_that_want_crossed_names_do_not_lock_one_another_out() -> None:
    locks = KeyedLocks()
    inside: set[str] = set()
    seen: list[str] = []

    def work(number: int) -> None:
        bucket, user = (f"n{number % 2}", f"n{(number // 2) % 2}")
        with locks.hold(Deadline(LONG), bucket=bucket, user=user):
            mine = {f"bucket {bucket}", f"user {user}"}
            seen.extend(mine & inside)
            inside.update(mine)
            inside.difference_update(mine)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    assert seen == []
