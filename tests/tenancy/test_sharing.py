"""Who is let into another's bucket, and when that ends."""

from __future__ import annotations

import pytest

from hooks.cluster.kubeerrors import KubeError
from tests.properties.cluster import Slot
from tests.tenancy.ground import (
    BESIDE,
    BUCKET_CLAIMED,
    HOLDER,
    KEY_CLAIMED,
    OTHER_SECRET,
    READY,
    SECRET,
    STRANGER,
)
from tests.tenancy.sharing import INVALID, NOT_SHARED, READ, THIRD, WRITE, SharedGround


@pytest.fixture
def ground() -> SharedGround:
    return SharedGround()


@pytest.mark.parametrize("slot", [STRANGER, BESIDE])
def test_whom_the_holder_names_is_let_in_and_owns_nothing(ground: SharedGround, slot: Slot) -> None:
    assert ground.hold("/".join(slot)).state == READY
    seen = ground.want(slot=slot)
    assert seen.state == READY
    assert "it may read." in seen.annotations["message"]
    assert ground.store.shared == {"bucket": {"guest": READ}}
    assert ground.store.owners == {"bucket": "user"}
    told = ground.told(slot)
    assert told["buckets"] == {}
    assert told["user"][2] == "own"
    assert list(ground.given(slot)) == ["bucket"]
    assert ground.sync(HOLDER).state == READY
    assert ground.store.shared == {"bucket": {"guest": READ}}


def test_an_unchanged_one_asks_the_store_once_and_kubernetes_never(ground: SharedGround) -> None:
    ground.hold()
    before = ground.want()
    ground.sync(HOLDER)
    ground.kube.fault = KubeError("nobody is to ask")
    assert ground.asked(STRANGER) == ["probe_access"]
    assert ground.seen(STRANGER).annotations == before.annotations
    assert ground.asked(HOLDER) == ["probe"]
    answers = [ground.call(slot).response.encode() for slot in (STRANGER, HOLDER) for _ in "ab"]
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]


@pytest.mark.parametrize("share_with", [None, "", "theirs/third", "mine/stranger"])
def test_whom_nobody_names_gets_nothing_and_is_not_told_whether_there_is_a_bucket(
    ground: SharedGround, share_with: str | None
) -> None:
    without = ground.want()
    assert without.state == NOT_SHARED
    ground.hold(share_with)
    seen = ground.sync(STRANGER)
    assert seen.state == NOT_SHARED
    assert seen.annotations["message"] == without.annotations["message"]
    assert "guest" not in ground.store.accounts
    assert ground.store.shared == {}
    assert "grants" not in seen.annotations


def test_it_is_asked_again_after_a_minute(ground: SharedGround) -> None:
    ground.want()
    assert ground.call(STRANGER).response.resync_after == 60


def test_who_wants_more_than_is_shared_is_told_what_is(ground: SharedGround) -> None:
    ground.hold()
    seen = ground.want("read-write")
    assert seen.state == NOT_SHARED
    assert "read-only" in seen.annotations["message"]
    assert ground.store.shared == {}
    ground.share("theirs/stranger:read-write")
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared == {"bucket": {"guest": WRITE}}


def test_who_wants_less_than_is_shared_gets_no_more(ground: SharedGround) -> None:
    ground.hold("theirs/stranger:read-write")
    assert ground.want("read-only").state == READY
    assert ground.store.shared == {"bucket": {"guest": READ}}
    ground.annotate(STRANGER, access="read-write")
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared == {"bucket": {"guest": WRITE}}
    ground.annotate(STRANGER, access="read-only")
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared == {"bucket": {"guest": READ}}


@pytest.mark.parametrize("share_with", [None, "", "theirs/third:read-write"])
def test_what_the_holder_shares_no_more_is_gone_at_its_next_sync(
    ground: SharedGround, share_with: str | None
) -> None:
    ground.hold("theirs/stranger, theirs/third:read-write")
    ground.want()
    ground.want("read-write", THIRD, "writer")
    ground.sync(HOLDER)
    assert ground.share(share_with).state == READY
    left = {"writer": WRITE} if share_with else {}
    assert ground.store.shared["bucket"] == left
    assert ground.sync(STRANGER).state == NOT_SHARED
    assert ground.given() == {}
    assert ground.store.shared["bucket"] == left
    assert ground.asked(HOLDER) == ["probe"]


def test_what_is_shared_to_a_lesser_extent_is_taken_back(ground: SharedGround) -> None:
    ground.hold("theirs/stranger:read-write")
    ground.want("read-write")
    ground.share("theirs/stranger")
    assert ground.store.shared["bucket"] == {}
    assert ground.sync(STRANGER).state == NOT_SHARED
    ground.annotate(STRANGER, access="read-only")
    assert ground.sync(STRANGER).state == READY


def test_a_mistake_of_the_holders_takes_nothing_back(ground: SharedGround) -> None:
    ground.hold()
    ground.want()
    assert ground.share("theirs/stranger, *").state == INVALID
    assert ground.store.shared == {"bucket": {"guest": READ}}
    assert ground.sync(STRANGER).state == READY


def test_access_that_a_holder_can_not_look_after_is_looked_after_later(
    ground: SharedGround,
) -> None:
    ground.hold()
    ground.want()
    ground.sync(HOLDER)
    ground.kube.fault = KubeError("away")
    seen = ground.share("theirs/third")
    assert seen.state == READY
    assert "could not be looked at" in seen.annotations["message"]
    assert ground.call(HOLDER).response.resync_after == 60
    assert ground.store.shared == {"bucket": {"guest": READ}}
    ground.kube.fault = None
    ground.sync(HOLDER)
    assert ground.store.shared["bucket"] == {}


@pytest.mark.parametrize("gone", ["deleted", "disabled", "another bucket", "no grant"])
def test_without_a_holder_it_ends_within_an_hour(ground: SharedGround, gone: str) -> None:
    ground.hold()
    ground.now -= 3700
    assert ground.want().state == READY
    match gone:
        case "deleted":
            del ground.kube.documents[HOLDER]
        case "disabled":
            ground.annotate(HOLDER, enabled="false")
        case "another bucket":
            ground.make(HOLDER, "user", SECRET, bucket="other")
        case _:
            ground.strip(HOLDER)
    assert ground.sync(STRANGER).state == NOT_SHARED
    assert ground.store.shared["bucket"] == {}


def test_each_hour_the_holder_is_looked_at_and_that_is_written_down(ground: SharedGround) -> None:
    ground.hold()
    ground.now -= 3700
    ground.want()
    old = ground.given()["bucket"][0]
    ground.now += 3700
    assert ground.asked(STRANGER) == ["probe_access"]
    assert ground.given()["bucket"][0] >= old + 3600
    ground.kube.fault = KubeError("nobody is to ask")
    assert ground.asked(STRANGER) == ["probe_access"]


def test_an_hour_old_it_stays_ready_while_kubernetes_is_away(ground: SharedGround) -> None:
    ground.hold()
    ground.now -= 3700
    before = ground.want()
    ground.kube.fault = KubeError("away")
    assert ground.sync(STRANGER).annotations == before.annotations


def test_nothing_is_given_while_kubernetes_is_away(ground: SharedGround) -> None:
    ground.hold()
    ground.kube.fault = KubeError("away")
    assert ground.want().state == ("Retrying", "GuardUnavailable")
    assert ground.store.shared == {}
    assert "guest" not in ground.store.accounts


def test_without_the_conflict_guard_nothing_is_shared(ground: SharedGround) -> None:
    ground.unguarded()
    holder = ground.hold()
    assert holder.state == READY
    assert "shared with nobody" in holder.annotations["message"]
    seen = ground.want()
    assert seen.state == ("Invalid", "NotSupported")
    assert "CONFLICT_GUARD" in seen.annotations["message"]


def test_the_holders_rotation_and_renaming_take_nothing_away(ground: SharedGround) -> None:
    ground.hold()
    ground.want()
    ground.make(HOLDER, "user", OTHER_SECRET)
    assert ground.sync(HOLDER).state == READY
    ground.make(HOLDER, "renamed", OTHER_SECRET)
    assert ground.sync(HOLDER).state == READY
    assert ground.store.owners == {"bucket": "renamed"}
    assert ground.store.shared == {"bucket": {"guest": READ}}
    assert ground.asked(STRANGER) == ["probe_access"]


def test_a_new_holder_shares_nothing_that_the_former_one_did(ground: SharedGround) -> None:
    ground.adoption = "any"
    ground.start()
    ground.hold()
    ground.want()
    del ground.kube.documents[HOLDER]
    assert ground.put(THIRD, user="new").state == READY
    assert ground.store.owners == {"bucket": "new"}
    assert ground.store.shared == {}
    assert ground.sync(STRANGER).state == NOT_SHARED


def test_who_has_access_can_claim_nothing_by_it(ground: SharedGround) -> None:
    ground.hold("theirs/stranger:read-write")
    ground.want("read-write")
    ground.annotate(STRANGER, access=None)
    seen = ground.sync(STRANGER)
    assert seen.state == BUCKET_CLAIMED
    assert ground.given() == {}
    assert ground.store.shared["bucket"] == {}
    assert ground.store.owners == {"bucket": "user"}


def test_a_second_user_follows_its_secret(ground: SharedGround) -> None:
    """Rotated, renamed, moved to another bucket: the former access goes."""
    ground.hold()
    ground.want()
    ground.make(STRANGER, "guest", OTHER_SECRET)
    assert ground.sync(STRANGER).state == READY
    assert ground.store.accounts["guest"].secret == OTHER_SECRET
    ground.make(STRANGER, "other", OTHER_SECRET)
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared["bucket"] == {"other": READ}
    ground.put(BESIDE, bucket="second", user="beside")
    ground.share("theirs/stranger", BESIDE)
    ground.make(STRANGER, "other", OTHER_SECRET, bucket="second")
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared == {"bucket": {}, "second": {"other": READ}}
    assert list(ground.given()) == ["second"]


def test_the_holders_own_user_is_no_second_one(ground: SharedGround) -> None:
    ground.hold("mine/beside")
    ground.make(BESIDE, "user", SECRET)
    ground.annotate(BESIDE, access="read-only")
    assert ground.sync(BESIDE).state == NOT_SHARED
    assert ground.store.shared == {}
    assert ground.sync(HOLDER).state == READY


def test_a_user_that_is_anothers_is_not_let_in(ground: SharedGround) -> None:
    ground.hold()
    ground.put(THIRD, bucket="own", user="guest", secret=OTHER_SECRET)
    assert ground.want().state == KEY_CLAIMED
    assert ground.store.shared == {}
    assert ground.store.accounts["guest"].secret == OTHER_SECRET


def test_an_administrator_is_not_let_in(ground: SharedGround) -> None:
    ground.hold()
    ground.store.accounts["guest"] = ground.store.accounts["user"].__class__(
        "guest-long-secret", "admin"
    )
    assert ground.want().state == ("Conflict", "AdminUser")
    assert ground.store.shared == {}


def test_settings_are_the_holders(ground: SharedGround) -> None:
    ground.hold()
    seen = ground.want(quota_bytes="1000", versioning="enabled")
    assert seen.state == READY
    assert "are ignored" in seen.annotations["message"]
    assert ground.store.quotas == {}
    assert ground.store.versioning == {}


def test_a_bucket_that_is_not_there_is_waited_for(ground: SharedGround) -> None:
    ground.hold()
    del ground.store.owners["bucket"]
    assert ground.want().state == ("Retrying", "NotYetVisible")
    ground.sync(HOLDER)
    assert ground.sync(STRANGER).state == READY


def test_lost_access_comes_back_and_not_more_often_than_every_five_minutes(
    ground: SharedGround,
) -> None:
    ground.hold()
    ground.want()
    ground.store.shared["bucket"] = {}
    assert ground.sync(STRANGER).state == READY
    assert ground.store.shared["bucket"] == {"guest": READ}
    ground.store.shared["bucket"] = {}
    seen = ground.sync(STRANGER)
    assert seen.state == ("Retrying", "NotYetVisible")
    assert ground.store.shared["bucket"] == {}
    again = ground.call(STRANGER).response.resync_after
    assert again is not None
    assert 200 < again <= 300


def test_a_third_can_name_neither_side(ground: SharedGround) -> None:
    """Who names itself in annotations of its own gains nothing by it."""
    ground.hold(None)
    ground.want()
    ground.put(THIRD, user="third")
    ground.share("theirs/stranger", THIRD)
    assert ground.seen(THIRD).state == BUCKET_CLAIMED
    assert ground.sync(STRANGER).state == NOT_SHARED
    assert ground.store.shared == {}


def test_patterns_for_buckets_are_for_those_that_a_namespace_claims(ground: SharedGround) -> None:
    ground.hold()
    ground.start(BUCKET_NAME_PATTERN="{namespace}.*")
    assert ground.want().state == READY
    ground.annotate(STRANGER, access=None)
    assert ground.sync(STRANGER).state == ("Invalid", "NotAllowed")
    ground.start(RESERVED_BUCKETS="buck*")
    assert ground.want().state == ("Invalid", "ReservedBucket")


def test_deleting_the_second_secret_takes_its_user_and_nothing_of_the_buckets(
    ground: SharedGround,
) -> None:
    ground.hold()
    ground.want()
    ground.annotate(STRANGER, **{"deletion-policy": "delete"})
    ground.store.objects["bucket", "key"] = b"body"
    ground.delete(STRANGER)
    assert "guest" not in ground.store.accounts
    assert ground.store.shared["bucket"] == {}
    assert ground.store.owners == {"bucket": "user"}
    assert ground.store.objects == {("bucket", "key"): b"body"}


def test_several_buckets_are_shared_as_one_and_access_is_to_one_alone(
    ground: SharedGround,
) -> None:
    ground.make(HOLDER, "user", SECRET, bucket="", bucket_names="bucket,other")
    ground.share("theirs/stranger, theirs/third:read-write")
    assert ground.seen(HOLDER).state == READY
    assert ground.want().state == READY
    ground.make(THIRD, "writer", OTHER_SECRET, bucket="other")
    ground.annotate(THIRD, access="read-write")
    assert ground.sync(THIRD).state == READY
    assert ground.store.shared == {"bucket": {"guest": READ}, "other": {"writer": WRITE}}
    ground.sync(HOLDER)
    assert ground.asked(HOLDER) == ["probe", "probe"]
    ground.share("theirs/stranger")
    assert ground.store.shared == {"bucket": {"guest": READ}, "other": {}}
    assert ground.asked(HOLDER) == ["probe", "probe"]
    assert ground.sync(THIRD).state == NOT_SHARED
    ground.make(THIRD, "writer", OTHER_SECRET, bucket="", bucket_names="bucket,other")
    assert ground.sync(THIRD).state == INVALID
    assert "one bucket" in ground.seen(THIRD).annotations["message"]
