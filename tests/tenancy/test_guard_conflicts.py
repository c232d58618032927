"""Who holds something keeps it: attacks on the conflict guard, with a real Kubernetes API."""

from __future__ import annotations

import secrets as random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.model import ADMINISTRATOR
from tests.rivals import (
    BUCKET_CLAIMED,
    CLAIMS,
    KEY_CLAIMED,
    READY,
    Claims,
    World,
    for_the_bucket,
    for_the_user,
    spoil,
)
from tests.support import PREFIX

pytestmark = pytest.mark.server
WORN = ("annotations", "labels")


@CLAIMS
def test_what_a_secret_holds_is_not_taken(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    before = (dict(world.store.owners), set(world.store.accounts))
    for _ in range(2):
        result = world.hooks.sync(stranger)
        assert stranger.state == expected
        assert result.response.resync_after == 30
    assert world.holds(holder)
    # Nothing half-made: neither its own user nor its own bucket.
    assert (world.store.owners, set(world.store.accounts)) == before


@CLAIMS
def test_the_holder_need_not_have_been_answered_yet(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    """Between the store's change and the annotation there is neither a label nor a grant."""
    holder = world.holder()
    holder.mark(dict.fromkeys(set(holder.annotations) - {"enabled"}), dict.fromkeys(holder.labels))
    stranger = claims(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == expected
    assert world.holds(holder)


def test_a_change_of_the_holder_need_not_have_been_answered_yet(world: World) -> None:
    """Its grant is for what it had before: another sync comes between store and annotation."""
    holder = world.holder()
    before = holder.document["metadata"]
    renamed = holder.changed(bucket=f"{holder.bucket}-2")
    world.hooks.sync(renamed)
    assert renamed.state == READY
    renamed.mark(*({k.removeprefix(PREFIX): v for k, v in before[what].items()} for what in WORN))
    assert renamed.annotations["bucket"] == holder.bucket
    stranger = for_the_bucket(world, renamed)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    assert world.holds(renamed)


@CLAIMS
def test_a_holder_whose_labels_were_removed_still_holds(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    holder.mark({}, dict.fromkeys(holder.labels))
    stranger = claims(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == expected
    assert world.holds(holder)


@pytest.mark.parametrize("state", [("Invalid", "MissingField"), ("Conflict", "AccessKeyClaimed")])
def test_a_holder_that_the_former_version_left_without_its_names_still_holds(
    world: World, state: tuple[str, str]
) -> None:
    """It took bucket and user away in these states, and the labels in the first."""
    holder = world.holder()
    first = world.hooks.operator.former_grant(holder.uid, holder.bucket, holder.user, 1)
    spoil(holder, "no user")
    holder.mark(
        {
            **dict.fromkeys(set(holder.annotations) - {"enabled"}),
            "grant": first,
            "status": state[0],
            "reason": state[1],
        },
        dict.fromkeys(set(holder.labels) - {"status"}),
    )
    stranger = for_the_bucket(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    assert world.store.owners[holder.bucket] == holder.user


@pytest.mark.parametrize("seen", [True, False], ids=["Invalid by now", "not yet looked at"])
@pytest.mark.parametrize(
    ("mistake", "claims", "expected"),
    [
        ("no bucket", for_the_user, KEY_CLAIMED),
        ("no user", for_the_bucket, BUCKET_CLAIMED),
        ("no secret", for_the_user, KEY_CLAIMED),
        ("no secret", for_the_bucket, BUCKET_CLAIMED),
        ("two buckets", for_the_user, KEY_CLAIMED),
        ("two buckets", for_the_bucket, BUCKET_CLAIMED),
        ("two users", for_the_user, KEY_CLAIMED),
        ("two users", for_the_bucket, BUCKET_CLAIMED),
        ("two secrets", for_the_user, KEY_CLAIMED),
        ("two secrets", for_the_bucket, BUCKET_CLAIMED),
        ("no base64", for_the_user, KEY_CLAIMED),
        ("no base64", for_the_bucket, BUCKET_CLAIMED),
    ],
)
def test_a_mistake_in_the_holders_secret_gives_nothing_away(
    world: World, mistake: str, claims: Claims, expected: tuple[str, str], seen: bool
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    spoil(holder, mistake)
    if seen:
        world.hooks.sync(holder)
        assert holder.state[0] == "Invalid"
    world.hooks.sync(stranger)
    assert stranger.state == expected
    assert world.holds(holder)


@pytest.mark.parametrize("mistake", ["no bucket", "no user", "no secret", "two users"])
def test_a_secret_that_was_given_nothing_keeps_nothing_from_others(
    world: World, mistake: str
) -> None:
    holder = world.holder()
    for claims in (for_the_bucket, for_the_user):
        spoil(claims(world, holder), mistake)
    rotated = holder.changed(secret=random.token_urlsafe(16))
    world.hooks.sync(rotated)
    assert rotated.state == READY
    holder.delete()
    heir = world.stranger(bucket=holder.bucket, user=holder.user)
    world.hooks.sync(heir)
    assert heir.state == READY


@CLAIMS
def test_an_older_secret_is_retargeted_at_a_newer_one_in_vain(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    old = world.stranger()
    world.hooks.sync(old)
    assert old.state == READY
    holder = world.holder()
    target = claims(world, holder)
    target.delete()
    retargeted = old.changed(bucket=target.bucket, user=target.user)
    world.hooks.sync(retargeted)
    assert retargeted.state == expected
    assert world.holds(holder)
    assert world.store.accounts[old.user].secret == old.secret


@CLAIMS
@pytest.mark.parametrize("uid", ["own", "written-down"])
def test_forged_labels_and_copied_annotations_prove_nothing(
    world: World, claims: Claims, expected: tuple[str, str], uid: str
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    stranger.mark(
        {**holder.annotations, **({"uid": "any"} if uid == "written-down" else {})}, holder.labels
    )
    world.hooks.sync(stranger)
    assert stranger.state == expected
    assert world.holds(holder)


@CLAIMS
def test_a_secret_with_the_holders_labels_and_annotations_does_not_keep_it_from_rotating(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    stranger.mark(holder.annotations, holder.labels)
    rotated = holder.changed(secret=random.token_urlsafe(16))
    world.hooks.sync(rotated)
    assert rotated.state == READY
    assert world.holds(rotated)
    renamed = rotated.changed(user=f"{holder.user}-2")
    world.hooks.sync(renamed)
    assert renamed.state == READY
    assert world.holds(renamed)


def test_a_stale_grant_does_not_come_back_to_life(world: World) -> None:
    former = world.stranger()
    world.hooks.sync(former)
    stale = former.annotations
    moved = former.changed(bucket=f"{former.bucket}-2")
    world.hooks.sync(moved)
    assert moved.state == READY
    at_second(int(time.time()) + 1)
    holder = world.holder(bucket=former.bucket)
    back = moved.changed(bucket=former.bucket)
    back.mark({key: stale[key] for key in ("grants", "bucket", "user", "applied")})
    for _ in range(2):
        world.hooks.sync(back)
        assert back.state == BUCKET_CLAIMED
    assert world.holds(holder)


def test_a_stale_grant_does_not_come_back_to_life_while_the_holder_is_in_conflict(
    world: World,
) -> None:
    """Its own annotations don't say any more for which user it was given the bucket."""
    former = world.stranger()
    world.hooks.sync(former)
    stale = former.annotations
    moved = former.changed(bucket=f"{former.bucket}-2")
    world.hooks.sync(moved)
    at_second(int(time.time()) + 1)
    holder = world.holder(bucket=former.bucket)
    mistaken = holder.changed(user=world.holder(name="third").user)
    world.hooks.sync(mistaken)
    assert mistaken.state == KEY_CLAIMED
    back = moved.changed(bucket=former.bucket)
    back.mark({key: stale[key] for key in ("grants", "bucket", "user", "applied")})
    world.hooks.sync(back)
    assert back.state == BUCKET_CLAIMED
    assert world.holds(holder)


def test_a_stale_grant_for_a_user_does_not_come_back_to_life(world: World) -> None:
    former = world.stranger()
    world.hooks.sync(former)
    stale = former.annotations
    moved = former.changed(user=f"{former.user}-2")
    world.hooks.sync(moved)
    assert moved.state == READY
    at_second(int(time.time()) + 1)
    holder = world.holder(user=former.user)
    back = moved.changed(user=former.user)
    back.mark({key: stale[key] for key in ("grants", "bucket", "user", "applied")})
    world.hooks.sync(back)
    assert back.state == KEY_CLAIMED
    assert world.holds(holder)


def at_second(second: int) -> None:
    """Wait for a moment, as grants count in seconds."""
    while time.time() < second:
        time.sleep(0.05)


@CLAIMS
def test_of_two_at_the_same_moment_one_gets_it(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    for _ in range(10):
        first = world.secret()
        second = claims(world, first)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(world.hooks.sync, (first, second)))
        assert {first.state, second.state} == {READY, expected}
        holder = first if first.state == READY else second
        assert world.holds(holder)
        world.hooks.sync(first)
        world.hooks.sync(second)
        assert holder.state == READY
        assert world.holds(holder)


@CLAIMS
def test_the_holder_goes_on_while_a_stranger_hammers(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    over = threading.Event()
    seen: set[tuple[str | None, str | None]] = set()

    def hammer() -> None:
        while not over.is_set():
            world.hooks.sync(stranger.changed(secret=random.token_urlsafe(16)))
            seen.add(stranger.state)

    with ThreadPoolExecutor(1) as pool:
        hammering = pool.submit(hammer)
        try:
            for _ in range(10):
                holder = holder.changed(secret=random.token_urlsafe(16))
                world.hooks.sync(holder)
                assert holder.state == READY
                assert world.holds(holder)
        finally:
            over.set()
        hammering.result()
    assert seen == {expected}


def test_a_user_that_was_deleted_on_the_store_comes_back_to_its_holder_only(world: World) -> None:
    holder = world.holder()
    stranger = for_the_user(world, holder)
    del world.store.accounts[holder.user]
    world.hooks.sync(stranger)
    assert stranger.state == KEY_CLAIMED
    assert holder.user not in world.store.accounts
    assert stranger.bucket not in world.store.owners
    world.hooks.sync(holder)
    assert world.holds(holder)


@CLAIMS
def test_it_is_given_when_the_holder_is_deleted(
    world: World, claims: Claims, expected: tuple[str, str]
) -> None:
    holder = world.holder()
    stranger = claims(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == expected
    holder.delete()
    world.hooks.sync(stranger)
    assert stranger.state == READY
    assert world.holds(stranger)


def test_a_secret_made_again_has_all_that_it_had_and_may_change(world: World) -> None:
    holder = world.holder()
    for_the_bucket(world, holder)
    for_the_user(world, holder)
    holder.delete()
    again = holder.put()
    world.hooks.sync(again)
    assert again.state == READY
    rotated = again.changed(secret=random.token_urlsafe(16))
    world.hooks.sync(rotated)
    assert world.holds(rotated)
    renamed = rotated.changed(user=f"{holder.user}-2", bucket=f"{holder.bucket}-2")
    world.hooks.sync(renamed)
    assert renamed.state == READY
    assert world.holds(renamed)


def test_the_same_user_with_the_same_secret_is_shared(world: World) -> None:
    holder = world.holder()
    sharing = world.stranger(user=holder.user, secret=holder.secret, bucket=holder.bucket)
    world.hooks.sync(sharing)
    assert sharing.state == READY
    # A bucket of its own for the shared user.
    wider = world.stranger(user=holder.user, secret=holder.secret)
    world.hooks.sync(wider)
    assert (holder.state, sharing.state, wider.state) == (READY,) * 3
    assert world.holds(holder)
    assert world.holds(wider)


@pytest.mark.parametrize("mistake", ["refused", "invalid"])
def test_a_holder_keeps_its_bucket_while_its_change_of_user_is_not_done(
    world: World, mistake: str
) -> None:
    """Its annotations no longer name the user of its grant, or its labels the bucket."""
    holder = world.holder()
    other = world.holder()
    mistaken = holder.changed(user=other.user if mistake == "refused" else ADMINISTRATOR)
    world.hooks.sync(mistaken)
    assert mistaken.state in {KEY_CLAIMED, ("Invalid", "ReservedAccessKey")}
    stranger = for_the_bucket(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == BUCKET_CLAIMED
    assert world.store.owners[holder.bucket] == holder.user
    assert world.store.accounts[holder.user].secret == holder.secret


def test_a_holder_keeps_its_user_while_its_rotation_is_not_done(world: World) -> None:
    """Neither is there a label, nor does the store know the new secret."""
    holder = world.holder()
    mistaken = holder.changed(secret=random.token_urlsafe(16))
    mistaken.mark({"deletion-policy": "burn"})
    world.hooks.sync(mistaken)
    assert mistaken.state == ("Invalid", "InvalidField")
    stranger = for_the_user(world, holder)
    world.hooks.sync(stranger)
    assert stranger.state == KEY_CLAIMED
    mistaken.mark({"deletion-policy": None})
    world.hooks.sync(mistaken)
    assert world.holds(mistaken)
