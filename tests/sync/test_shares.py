"""Each of several stores has places that the others can't take."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from hooks.sync.shares import Busy, Shares

STORES = ("a", "b", "c")


def take_all(shares: Shares, store: str, stack: ExitStack, stores: tuple[str, ...] = STORES) -> int:
    """How many places a store gets, one after the other."""
    for number in range(100):
        try:
            stack.enter_context(shares.take(store, stores))
        except Busy:
            return number
    pytest.fail("there is no end of places")


def test_one_store_alone_has_all_of_them() -> None:
    with ExitStack() as stack:
        assert take_all(Shares(32), "a", stack, ("a",)) == 32


def test_two_that_hang_leave_the_third_its_share() -> None:
    shares = Shares(32)
    with ExitStack() as stack:
        assert take_all(shares, "a", stack) == 22
        assert take_all(shares, "b", stack) == 5
        assert take_all(shares, "c", stack) == 5


def test_what_is_given_back_is_there_for_all() -> None:
    shares = Shares(32)
    with ExitStack() as stack:
        take_all(shares, "a", stack)
    with ExitStack() as stack:
        assert take_all(shares, "b", stack) == 22


def test_few_places_are_shared_out_to_nobody() -> None:
    shares = Shares(2)
    with ExitStack() as stack:
        assert take_all(shares, "a", stack) == 2
        assert take_all(shares, "b", stack) == 0
