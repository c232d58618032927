"""No two syncs of one process work on the same user or bucket at once."""

from __future__ import annotations

import asyncio

import pytest

from backends.errors import TimedOut
from backends.wire.deadline import Deadline
from hooks.sync.locks import KeyedLocks

LONG = 20.0
SHORT = 0.05

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"bucket": "b", "user": "u"}, id="the same of both"),
        pytest.param({"bucket": "b", "user": "other"}, id="the same bucket"),
        pytest.param({"bucket": "other", "user": "u"}, id="the same user"),
    ],
)
async def test_a_name_that_is_held_is_waited_for_no_longer_than_the_deadline(
    names: dict[str, str],
) -> None:
    locks = KeyedLocks()
    async with locks.hold(Deadline(LONG), bucket="b", user="u"):
        with pytest.raises(TimedOut, match=r"same (bucket|user)"):
            async with locks.hold(Deadline(SHORT), **names):
                pytest.fail("two hold the same name")


async def test_the_message_of_a_timeout_does_not_name_what_was_waited_for() -> None:
    locks = KeyedLocks()
    async with locks.hold(Deadline(LONG), user="somebody"):
        with pytest.raises(TimedOut) as caught:
            async with locks.hold(Deadline(SHORT), user="somebody"):
                pytest.fail("two hold the same name")
    assert "somebody" not in str(caught.value)


async def test_other_names_are_not_waited_for() -> None:
    locks = KeyedLocks()
    async with (
        locks.hold(Deadline(LONG), bucket="b", user="u"),
        # A user of the bucket's name is another thing than the bucket.
        locks.hold(Deadline(SHORT), bucket="u", user="b"),
    ):
        pass


async def test_a_name_is_free_again_afterwards() -> None:
    locks = KeyedLocks()
    for _ in range(2):
        async with locks.hold(Deadline(SHORT), bucket="b", user="u"):
            pass


async def test_a_name_is_free_again_after_an_error() -> None:
    locks = KeyedLocks()
    with pytest.raises(RuntimeError):
        async with locks.hold(Deadline(LONG), bucket="b", user="u"):
            raise RuntimeError
    async with locks.hold(Deadline(SHORT), bucket="b", user="u"):
        pass


async def test_whoever_gives_up_lets_go_of_what_it_had() -> None:
    locks = KeyedLocks()
    async with locks.hold(Deadline(LONG), user="u"):
        with pytest.raises(TimedOut):
            async with locks.hold(Deadline(SHORT), bucket="b", user="u"):
                pytest.fail("two hold the same name")
    async with locks.hold(Deadline(SHORT), bucket="b", user="u"):
        pass


async def test_whoever_is_cancelled_while_it_waits_lets_go_of_what_it_had() -> None:
    locks = KeyedLocks()

    async def wait() -> None:
        async with locks.hold(Deadline(LONG), bucket="b", user="u"):
            pytest.fail("two hold the same name")

    async with locks.hold(Deadline(LONG), user="u"):
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
    async with locks.hold(Deadline(SHORT), bucket="b", user="u"):
        pass


async def test_a_deadline_that_is_over_holds_nothing() -> None:
    locks = KeyedLocks()
    with pytest.raises(TimedOut):
        async with locks.hold(Deadline(-1), bucket="b"):
            pytest.fail("there was no time left")
    async with locks.hold(Deadline(SHORT), bucket="b"):
        pass


async def test_a_waiter_goes_on_when_the_name_is_free() -> None:
    locks = KeyedLocks()
    entered = asyncio.Event()

    async def wait() -> None:
        async with locks.hold(Deadline(LONG), user="u"):
            entered.set()

    async with locks.hold(Deadline(LONG), user="u"):
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(SHORT)
        assert not entered.is_set()
    await asyncio.wait_for(waiter, LONG)
    assert entered.is_set()


async def test_tasks_that_want_crossed_names_do_not_lock_one_another_out() -> None:
    locks = KeyedLocks()
    inside: set[str] = set()
    seen: list[str] = []

    async def work(number: int) -> None:
        bucket, user = (f"n{number % 2}", f"n{(number // 2) % 2}")
        async with locks.hold(Deadline(LONG), bucket=bucket, user=user):
            mine = {f"bucket {bucket}", f"user {user}"}
            seen.extend(mine & inside)
            inside.update(mine)
            await asyncio.sleep(0)
            inside.difference_update(mine)

    await asyncio.gather(*(work(number) for number in range(400)))
    assert seen == []


async def test_one_that_was_just_let_go_is_waited_for_no_longer_either() -> None:
    locks = KeyedLocks()
    done = asyncio.Event()

    async def hold() -> None:
        async with locks.hold(Deadline(LONG), bucket="b"):
            await done.wait()

    async with locks.hold(Deadline(LONG), bucket="b"):
        waiting = asyncio.create_task(hold())
        await asyncio.sleep(0)
    # Free, and promised to the one that waits.
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut):
            async with locks.hold(Deadline(SHORT), bucket="b"):
                pytest.fail("it was another's turn")
    done.set()
    await waiting
