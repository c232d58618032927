"""Who owns a bucket: found without asking every user, and nobody keeps what is another's."""

from __future__ import annotations

import asyncio

import pytest

from backends.base import Claim
from backends.seaweedfs import ownership
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.backends.races import lose_cut_short, lose_in_time
from tests.conformance.subject import RealSubject
from tests.servers.seaweedfs import POLICY, SeaweedStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")


def _claim(bucket: str, user: str) -> Claim:
    return Claim(bucket, user, Sensitive(SECRET))


def _entries(store: SeaweedStore, bucket: str) -> set[str]:
    start = f"{POLICY}{bucket.replace('.', 'D')}_"
    return {entry.removeprefix(start) for entry in store.listed() if entry.startswith(start)}


def test_a_bucket_of_a_former_ones_name_is_the_new_owners_alone(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    """Who had it keeps the policy for it when somebody deletes it on the store."""
    seaweedfs.operator().sync(Secret.claiming("second-life", "former", SECRET))
    with store.s3() as client:
        client.delete_bucket(Bucket="second-life")
    assert store.owner("second-life") == "former"
    secret = Secret.claiming("second-life", "latter", SECRET)
    seaweedfs.operator({"ADOPTION": "never"}).sync(secret)
    assert secret.state == READY
    assert store.owner("second-life") == "latter"
    assert _entries(store, "second-life") == {"latter"}
    assert store.put("second-life", "key", b"body", as_user=("former", SECRET)) == "AccessDenied"


def test_names_with_dots_and_those_that_begin_alike_are_told_apart(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    owners = {"log": "ownera", "log.s": "ownerb", "log-s": "ownerc", "logs": "ownerd"}
    secrets = [Secret.claiming(bucket, user, SECRET) for bucket, user in owners.items()]
    for secret in secrets:
        seaweedfs.operator({"ADOPTION": "never"}).sync(secret)
        assert secret.state == READY
    backend = seaweedfs.backend()
    for bucket, user in owners.items():
        found = wait(backend.find_bucket(bucket, Deadline(10)))
        assert found is not None
        assert found.is_owned_by(user)
        assert _entries(store, bucket) == {user}


def test_all_owners_are_found_however_many_there_are(
    seaweedfs: RealSubject, store: SeaweedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_PAGE", 2)
    store.create_bucket("of-many")
    users = {f"many{number}" for number in range(7)}
    for user in sorted(users):
        store.create_user(user, SECRET)
    backend = seaweedfs.backend()
    for user in users:
        assert wait(backend.change_owner(_claim("of-many", user), Deadline(20)))
        # Behind its back the others have it, too.
        for other in users - {user}:
            store.allow(other, f"{POLICY}of-many", ["of-many", "of-many/*"])
            store.iam(
                "CreatePolicy",
                PolicyName=f"{POLICY}of-many_{other}",
                PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
                '"Action":"s3:GetObject","Resource":"arn:aws:s3:::of-many/*"}]}',
            )
        break
    found = wait(backend.find_bucket("of-many", Deadline(20)))
    assert found is not None
    assert found.owners == users
    last = sorted(users)[-1]
    assert wait(backend.change_owner(_claim("of-many", last), Deadline(20)))
    assert store.owner("of-many") == last
    assert _entries(store, "of-many") == {last}


def test_what_it_costs_does_not_grow_with_the_users(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    def cost(bucket: str, user: str) -> int:
        operator = seaweedfs.operator()
        secret = Secret.claiming(bucket, user, SECRET)
        operator.sync(secret)
        secret.set(access_secret=OTHER_SECRET)
        operator.sync(secret)
        secret.set(access_key=f"{user}two")
        operator.sync(secret)
        assert secret.state == READY
        return operator.requests()

    before = cost("cost-1", "costone")
    for number in range(30):
        seaweedfs.operator().sync(Secret.claiming(f"crowd-{number}", f"crowd{number}", SECRET))
    assert cost("cost-2", "costtwo") == before


def test_nothing_of_a_bucket_or_a_user_that_is_deleted_stays(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    before = (store.policies(), store.listed(), store.names())
    backend = seaweedfs.backend()
    for bucket, user in (("gone-1", "goneone"), ("gone-2", "gonetwo")):
        assert wait(backend.create_user(_claim(bucket, user), Deadline(10)))
        assert wait(backend.create_bucket(_claim(bucket, user), Deadline(10)))
    store.allow("gonetwo", "by-hand", ["elsewhere/*"])
    assert wait(backend.delete_bucket("gone-1", Deadline(10)))
    assert wait(backend.delete_user("goneone", Deadline(10)))
    assert wait(backend.delete_user("gonetwo", Deadline(10)))
    assert wait(backend.delete_bucket("gone-2", Deadline(10)))
    assert (store.policies(), store.listed(), store.names()) == before


def test_an_entry_whose_policy_is_gone_makes_nobody_an_owner(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    """As it is left by a call that was cut short, or by somebody who took the policy away."""
    seaweedfs.operator().sync(Secret.claiming("stale", "staleone", SECRET))
    store.iam("DeleteUserPolicy", UserName="staleone", PolicyName=f"{POLICY}stale")
    assert _entries(store, "stale") == {"staleone"}
    found = wait(seaweedfs.backend().find_bucket("stale", Deadline(10)))
    assert found is not None
    assert found.owners == frozenset()
    secret = Secret.claiming("stale", "staletwo", SECRET)
    seaweedfs.operator({"ADOPTION": "unowned"}).sync(secret)
    assert secret.state == READY
    assert _entries(store, "stale") == {"staletwo"}


def test_who_loses_the_race_for_a_new_bucket_keeps_no_access_though_its_time_is_up(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    seaweedfs.operator().sync(Secret.claiming("raced", "winner", SECRET))
    store.create_user("lateloser", SECRET)
    lose_in_time(seaweedfs, _claim("raced", "lateloser"))
    assert store.owner("raced") == "winner"
    assert _entries(store, "raced") == {"winner"}


def test_who_is_cut_short_after_it_lost_the_race_keeps_no_access(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    seaweedfs.operator().sync(Secret.claiming("raced-too", "winnertoo", SECRET))
    store.create_user("cutloser", SECRET)
    found = lose_cut_short(seaweedfs, _claim("raced-too", "cutloser"))
    assert found is not None
    assert found.is_owned_by("winnertoo")


def test_many_changes_at_once_lose_nothing(seaweedfs: RealSubject, store: SeaweedStore) -> None:
    async def provision() -> list[bool]:
        backend = seaweedfs.connect(seaweedfs.environ(), lambda *_: None)

        async def one(number: int) -> bool:
            claim = _claim(f"at-once-{number}", f"atonce{number % 8}")
            await backend.create_user(claim, Deadline(60))
            return await backend.create_bucket(claim, Deadline(60))

        return await asyncio.gather(*(one(number) for number in range(24)))

    assert wait(provision()) == [True] * 24
    for number in range(24):
        user = f"atonce{number % 8}"
        assert store.owner(f"at-once-{number}") == user
        assert store.put(f"at-once-{number}", "key", b"body", as_user=(user, SECRET)) == ""
        found = store.user(user)
        assert found is not None
        assert set(found.keys) == {user}


def test_one_of_two_owners_is_not_believed(seaweedfs: RealSubject, store: SeaweedStore) -> None:
    """Two that were given it at the same moment."""
    seaweedfs.operator().sync(Secret.claiming("of-two", "twoa", SECRET))
    store.create_user("twob", SECRET)
    backend = seaweedfs.backend()
    store.allow("twob", f"{POLICY}of-two", ["of-two", "of-two/*"])
    store.iam(
        "CreatePolicy",
        PolicyName=f"{POLICY}of-two_twob",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Action":"s3:GetObject","Resource":"arn:aws:s3:::of-two/*"}]}',
    )
    found = wait(backend.find_bucket("of-two", Deadline(10)))
    assert found is not None
    assert found.owners == {"twoa", "twob"}
    secret = Secret.claiming("of-two", "twoa", SECRET)
    seaweedfs.operator({"ADOPTION": "never"}).sync(secret)
    assert secret.state == OWNED
    # It gives back what it can't have, so that the other has it alone.
    assert store.owner("of-two") == "twob"
    assert _entries(store, "of-two") == {"twob"}
