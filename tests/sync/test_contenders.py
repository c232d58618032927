"""Secrets that name what another holds keep nobody from being served."""

from __future__ import annotations

import pytest

from backends.wire.deadline import Deadline
from hooks.sync.syncer import Result, Syncer
from tests.live import Live, request_for
from tests.model import Account
from tests.rivals import BUCKET_CLAIMED, CLAIMS, READY, Claims, World
from tests.support import wait

pytestmark = pytest.mark.server


def synced_beside(world: World, live: Live) -> tuple[str, str]:
    """What a Secret is told while another's sync is at work on its bucket and its user."""
    syncer = world.hooks.operator.parts.syncer
    assert isinstance(syncer, Syncer)

    async def sync() -> Result:
        async with syncer._locks.hold(Deadline(60), bucket=live.bucket, user=live.user):
            return await syncer.sync(request_for(live.document))

    outcome = wait(sync()).outcome
    assert outcome is not None
    return outcome.status.value, outcome.reason.value


@CLAIMS
def test_who_contends_does_not_wait_for_who_holds(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    contender = claims(world, holder)
    assert synced_beside(world, contender) == expected
    world.hooks.sync(contender)
    assert contender.state == expected
    # Nor the next time, and until the holder has gone.
    assert synced_beside(world, contender) == expected
    holder.delete()
    world.hooks.sync(contender)
    assert contender.state == READY
    assert world.holds(contender)


@CLAIMS
@pytest.mark.parametrize("how", ["was it for something else", "says so itself"])
def test_nor_does_one_that_is_called_ready(
    world: World, claims: Claims, expected: tuple[str, str], how: str
) -> None:
    holder = world.holder()
    contender = claims(world, holder)
    if how == "says so itself":
        contender = contender.changed(more={"status": "Ready", "reason": "Provisioned"})
    else:
        former = contender.changed(bucket=f"{contender.bucket}-own", user=f"{contender.name}-own")
        world.hooks.sync(former)
        assert former.state == READY
        contender = former.changed(bucket=contender.bucket, user=contender.user)
    assert synced_beside(world, contender) == expected


def test_who_wants_two_things_of_others_is_always_told_of_the_same(world: World) -> None:
    holder, other = world.holder(), world.holder()
    contender = world.stranger(bucket=holder.bucket, user=other.user)
    world.hooks.sync(contender)
    told = contender.state
    assert told[0] == "Conflict"
    assert synced_beside(world, contender) == told
    first, second = (world.hooks.sync(contender).response for _ in range(2))
    assert first.encode() == second.encode()


def test_a_copied_pair_is_no_contender(world: World) -> None:
    holder = world.holder()
    copy = world.stranger(bucket=holder.bucket, user=holder.user, secret=holder.secret)
    assert synced_beside(world, copy) == ("Retrying", "Timeout")
    world.hooks.sync(copy)
    assert copy.state == READY


def test_who_is_ready_waits_for_its_turn(world: World) -> None:
    holder = world.holder()
    world.hooks.sync(world.stranger(bucket=holder.bucket))
    assert synced_beside(world, holder) == ("Retrying", "Timeout")


def test_a_bucket_that_nobody_holds_is_waited_for(world: World) -> None:
    stranger = world.stranger()
    assert synced_beside(world, stranger) == ("Retrying", "Timeout")
    world.hooks.sync(stranger)
    assert stranger.state == READY


def test_who_was_refused_is_ready_once_the_store_says_so(world: World) -> None:
    holder = world.holder()
    contender = world.stranger(bucket=holder.bucket)
    world.hooks.sync(contender)
    world.store.owners[holder.bucket] = contender.user
    world.store.accounts[contender.user] = Account(contender.secret)
    world.hooks.sync(contender)
    assert contender.state == READY
    world.hooks.sync(holder)
    assert world.holds(holder)
    world.hooks.sync(contender)
    assert contender.state == BUCKET_CLAIMED
