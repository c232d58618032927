"""Owners of every kind: disabled ones, groups, a lost race."""

from __future__ import annotations

import pytest

from backends.base import Claim
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.backends.races import lose_cut_short, lose_in_time
from tests.conformance.subject import RealSubject
from tests.servers.rustfs import POLICY, RustFSStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")


def test_a_bucket_of_a_disabled_user_moves_and_the_user_stays_disabled(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    """An administrator disables a key that leaked, and its tenant names a new one."""
    operator = rustfs.operator()
    secret = Secret.claiming("leaked", "leaked", SECRET)
    operator.sync(secret)
    store.put("leaked", "key", b"body")
    store.set_status("leaked", "disabled")
    secret.set(access_key="fresh")
    operator.sync(secret)
    assert secret.state == READY
    assert store.owner("leaked") == "fresh"
    assert store.get("leaked", "key", as_user=("fresh", SECRET)) == b"body"
    former = store.user("leaked")
    assert former is not None
    assert former.disabled
    assert former.policies == frozenset()


@pytest.mark.parametrize("disabled", [False, True], ids=["enabled", "disabled"])
def test_a_groups_bucket_is_taken_from_the_group(
    rustfs: RealSubject, store: RustFSStore, disabled: bool
) -> None:
    bucket, group = f"of-group-{disabled}".lower(), f"group-{disabled}"
    _give_to_group(store, bucket, group)
    if disabled:
        store.disable_group(group)
    secret = Secret.claiming(bucket, f"taker-{disabled}", SECRET)
    rustfs.operator().sync(secret)
    assert secret.state == READY
    assert store.owner(bucket) == f"taker-{disabled}"


def test_a_groups_bucket_is_not_unowned(rustfs: RealSubject, store: RustFSStore) -> None:
    _give_to_group(store, "of-group", "analysts")
    secret = Secret.claiming("of-group", "newcomer", SECRET)
    operator = rustfs.operator({"ADOPTION": "unowned"})
    operator.sync(secret)
    assert secret.state == OWNED
    assert store.owner("of-group") == "analysts"
    assert "newcomer" not in store.names()[0]


def test_who_loses_the_race_for_a_new_bucket_keeps_no_access_though_its_time_is_up(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    rustfs.operator().sync(Secret.claiming("raced", "winner", SECRET))
    store.create_user("late-loser", SECRET)
    lose_in_time(rustfs, _claim("raced", "late-loser"))
    assert store.owner("raced") == "winner"


def test_who_is_cut_short_after_it_lost_the_race_keeps_no_access(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    rustfs.operator().sync(Secret.claiming("raced-too", "winner-too", SECRET))
    store.create_user("cut-loser", SECRET)
    found = lose_cut_short(rustfs, _claim("raced-too", "cut-loser"))
    assert found is not None
    assert found.is_owned_by("winner-too")


@pytest.mark.parametrize("name", ["rustfs", "health", "favicon.ico"])
def test_a_name_that_rustfs_keeps_for_itself_is_not_supported(
    rustfs: RealSubject, store: RustFSStore, name: str
) -> None:
    secret = Secret.claiming(name, "of-reserved", SECRET)
    rustfs.operator().sync(secret)
    assert secret.state == ("Invalid", "NotSupported")
    assert "of-reserved" not in store.names()[0]


@pytest.mark.parametrize(
    ("user", "value"),
    # Of the last RustFS would forget whose bucket it is.
    [("a@b", SECRET), ("ab", SECRET), ("short-secret", "short"), ("forgotten.json", SECRET)],
)
def test_what_rustfs_would_not_make_or_not_as_meant_is_not_supported(
    rustfs: RealSubject, store: RustFSStore, user: str, value: str
) -> None:
    before = store.names()
    secret = Secret.claiming("never-made", user, value)
    rustfs.operator().sync(secret)
    assert secret.state == ("Invalid", "NotSupported")
    assert store.names() == before
    assert f"{POLICY}never-made" not in store.policies()


def test_a_bucket_of_a_user_whose_name_no_secret_may_have_is_not_unowned(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    store.create_bucket("by-hand-json")
    store.create_user("by-hand.json", SECRET)
    store.change_owner("by-hand-json", "by-hand.json")
    secret = Secret.claiming("by-hand-json", "its-thief", SECRET)
    rustfs.operator({"ADOPTION": "unowned"}).sync(secret)
    assert secret.state == OWNED
    assert store.owner("by-hand-json") == "by-hand.json"


def test_a_former_owner_that_is_gone_meanwhile_is_no_error(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    assert not wait(rustfs.backend().release("no-bucket", "no-user", Deadline(10)))


def _give_to_group(store: RustFSStore, bucket: str, group: str) -> None:
    store.create_bucket(bucket)
    store.create_user(f"in-{group}", SECRET)
    store.add_to_group(group, f"in-{group}")
    store.write_policy(f"{POLICY}{bucket}", ["s3:*"], [bucket, f"{bucket}/*"])
    store.attach_to_group(f"{POLICY}{bucket}", group)


def _claim(bucket: str, user: str) -> Claim:
    return Claim(bucket, user, Sensitive(SECRET))
