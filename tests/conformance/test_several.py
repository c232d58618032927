"""Several buckets of one Secret: each by itself, the same on every store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Action
from hooks.sync.syncer import Result
from tests.conformance.subject import Killed, ModelSubject, Subject
from tests.conformance.traits import OWNED, READY, having
from tests.properties.cluster import Secrets
from tests.support import PREFIX, Operator, Secret, wait

pytestmark = pytest.mark.no_cover

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"


def buckets(name: str, number: int) -> list[str]:
    return [f"{name}-{place}" for place in range(1, number + 1)]


def listing(names: Sequence[str], user: str, secret: str = SECRET, **fields: str) -> Secret:
    return Secret(
        f"{user}-list",
        bucket_names=",".join(names),
        access_key=user,
        access_secret=secret,
        **fields,
    )


def usable(subject: Subject, names: Sequence[str], user: str, secret: str = SECRET) -> set[str]:
    """Those that the user can write into and read from."""
    return {
        name
        for name in names
        if subject.put(name, "key", name.encode(), as_user=(user, secret)) == ""
        and subject.get(name, "key", as_user=(user, secret)) == name.encode()
    }


def check_settled(operator: Operator, secret: Secret, number: int) -> None:
    """A Secret that is as it was costs a request for each bucket, and is answered the same."""
    before = operator.requests()
    first, second = operator.sync(secret), operator.sync(secret)
    assert operator.requests() - before == 2 * number
    assert first.outcome is not None
    assert first.outcome.actions == ()
    assert first.response.encode() == second.response.encode()


def test_sixteen_buckets_cost_sixteen_requests(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 16)
    secret = listing(names, name)
    result = operator.sync(secret)
    for _ in range(5):
        # A store for which each costs a second takes more than one call.
        if secret.state == READY:
            break
        result = operator.sync(secret)
    assert secret.state == READY, secret.annotations
    assert result.outcome is not None
    assert secret.annotations["bucket"] == ",".join(names)
    assert {subject.owner(each) for each in names} == {name}
    assert usable(subject, names, name) == set(names)
    check_settled(operator, secret, 16)


def test_one_that_drifted_is_repaired_alone(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 4)
    secret = listing(names, name)
    operator.sync(secret)
    assert usable(subject, names, name) == set(names)
    subject.set_owner(names[2], None)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CHANGE_OWNER,)
    assert [subject.get(each, "key", as_user=(name, SECRET)) for each in names] == [
        each.encode() for each in names
    ]
    check_settled(operator, secret, 4)


@pytest.mark.parametrize("place", [0, 2])
def test_one_that_cannot_be_had_leaves_the_others(subject: Subject, name: str, place: int) -> None:
    operator, names = subject.operator({"ADOPTION": "never"}), buckets(name, 4)
    other = f"{name}other"
    subject.create_user(other, OTHER_SECRET)
    subject.create_bucket(names[place], other)
    subject.put(names[place], "key", b"theirs", as_user=(other, OTHER_SECRET))
    secret = listing(names, name)
    operator.sync(secret)
    assert secret.state == OWNED
    assert secret.annotations["message"].startswith(f"Bucket {names[place]}: ")
    rest = [each for each in names if each != names[place]]
    assert usable(subject, names, name) == set(rest)
    assert secret.annotations["bucket"] == ",".join(rest)
    assert subject.owner(names[place]) == other
    assert subject.get(names[place], "key", as_user=(other, OTHER_SECRET)) == b"theirs"
    first, second = operator.sync(secret), operator.sync(secret)
    assert first.outcome is not None
    assert first.outcome.actions == ()
    assert first.response.encode() == second.response.encode()


def test_existing_ones_are_adopted_with_their_objects(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 3)
    for each in names[:2]:
        subject.create_bucket(each)
        subject.put(each, "old", b"body", as_user=None)
    secret = listing(names, name)
    operator.sync(secret)
    assert secret.state == READY
    assert {subject.owner(each) for each in names} == {name}
    assert [subject.get(each, "old", as_user=(name, SECRET)) for each in names[:2]] == [b"body"] * 2


def test_one_that_is_named_no_more_stays_the_users(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 3)
    secret = listing(names, name)
    operator.sync(secret)
    assert usable(subject, names, name) == set(names)
    secret.set(bucket_names=f"{names[2]},{names[0]}")
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == ()
    assert secret.annotations["bucket"] == f"{names[2]},{names[0]}"
    assert subject.get(names[1], "key", as_user=(name, SECRET)) == names[1].encode()
    check_settled(operator, secret, 2)


@pytest.mark.parametrize("subject", having("rotation"), indirect=True)
def test_a_rotation_is_one_for_all(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 3)
    secret = listing(names, name)
    operator.sync(secret)
    assert usable(subject, names, name) == set(names)
    secret.set(access_secret=OTHER_SECRET)
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    assert not subject.accepts(name, SECRET)
    assert usable(subject, names, name, OTHER_SECRET) == set(names)


def test_another_access_key_takes_all_along(subject: Subject, name: str) -> None:
    operator, names = subject.operator(), buckets(name, 3)
    secret = listing(names, name)
    operator.sync(secret)
    assert usable(subject, names, name) == set(names)
    secret.set(access_key=f"{name}two", access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    assert secret.annotations["user"] == f"{name}two"
    for each in names:
        assert subject.get(each, "key", as_user=(f"{name}two", OTHER_SECRET)) == each.encode()
        assert subject.get(each, "key", as_user=(name, SECRET)) == "AccessDenied"
    check_settled(operator, secret, 3)


def test_quota_and_versioning_are_each_buckets_and_written_once(name: str) -> None:
    subject = ModelSubject()
    operator, names = subject.operator(), buckets(name, 3)
    secret = listing(names, name, quota_bytes="1000", versioning="enabled")
    operator.sync(secret)
    assert secret.state == READY
    assert subject.store.quotas == dict.fromkeys(names, (1000, 0))
    assert subject.store.versioning == dict.fromkeys(names, "enabled")
    check_settled(operator, secret, 3)
    # A further bucket is nothing new for the others.
    secret.set(bucket_names=",".join([*names, f"{name}-4"]))
    result = operator.sync(secret)
    assert result.outcome is not None
    assert result.outcome.actions == (
        Action.CREATE_BUCKET,
        Action.SET_QUOTA,
        Action.SET_VERSIONING,
    )
    assert subject.store.quotas[f"{name}-4"] == (1000, 0)
    check_settled(operator, secret, 4)


def test_killed_between_any_two_writes_the_next_sync_goes_on(subject: Subject, name: str) -> None:
    for writes in range(1, 100):
        unique = f"{name}{writes}"
        names = buckets(unique, 2)
        secret = listing(names, unique)
        died = False
        try:
            subject.operator(writes=writes).sync(secret)
        except Killed:
            died = True
        operator = subject.operator({"ADOPTION": "unowned"})
        operator.sync(secret)
        assert secret.state == READY, (writes, secret.annotations)
        assert usable(subject, names, unique) == set(names)
        check_settled(operator, secret, 2)
        if not died:
            assert writes > 2
            return
    pytest.fail("it never ends")


def deleting(subject: Subject, *secrets: Secret) -> Operator:
    """An operator that may delete, in a cluster with these Secrets."""
    kube = Secrets(lambda: 1_800_000_000)
    for each in secrets:
        each.document["metadata"].setdefault("labels", {})
        kube.documents["team", each.document["metadata"]["name"]] = each.document
    return subject.operator({"DELETION": "on"}, kube=kube)


def finalized(operator: Operator, secret: Secret, policy: str) -> Result:
    """What the finalize hook answers for a Secret that is deleted with a policy."""
    metadata = secret.document["metadata"]
    metadata["annotations"][f"{PREFIX}deletion-policy"] = policy
    metadata["deletionTimestamp"] = "2026-11-29T10:00:00Z"
    request = replace(SyncRequest.of(secret.document), finalizing=True)
    return wait(operator.parts.finalizer.finalize(request))


@pytest.mark.parametrize("policy", ["retain", "delete-user", "delete"])
def test_a_deletion_policy_holds_for_each(subject: Subject, name: str, policy: str) -> None:
    names = buckets(name, 3)
    secret = listing(names, name)
    operator = deleting(subject, secret)
    operator.sync(secret)
    assert secret.state == READY
    result = finalized(operator, secret, policy)
    assert result.response.finalized
    users, there = subject.names()
    assert (name in users) == (policy == "retain")
    assert there & set(names) == (set() if policy == "delete" else set(names))
    if policy != "delete":
        owners = {subject.owner(each) for each in names}
        assert (owners == {name}) == (policy == "retain")


def test_one_that_is_not_empty_keeps_the_user_and_no_other_bucket(
    subject: Subject, name: str
) -> None:
    names = buckets(name, 3)
    secret = listing(names, name)
    operator = deleting(subject, secret)
    operator.sync(secret)
    subject.put(names[1], "key", b"precious", as_user=(name, SECRET))
    result = finalized(operator, secret, "delete")
    assert result.outcome is not None
    assert result.outcome.reason == "BucketNotEmpty"
    assert result.outcome.message.startswith(f"Bucket {names[1]}: ")
    users, there = subject.names()
    assert name in users
    assert there & set(names) == {names[1]}
    assert subject.get(names[1], "key", as_user=(name, SECRET)) == b"precious"


def test_one_that_another_secret_has_too_stays(subject: Subject, name: str) -> None:
    names = buckets(name, 3)
    secret = listing(names, name)
    beside = Secret.claiming(names[2], name, SECRET)
    operator = deleting(subject, secret, beside)
    operator.sync(secret)
    operator.sync(beside)
    assert (secret.state, beside.state) == (READY, READY)
    result = finalized(operator, secret, "delete")
    assert result.response.finalized
    users, there = subject.names()
    assert name in users
    assert there & set(names) == {names[2]}


def test_one_that_was_taken_from_the_list_is_not_deleted(subject: Subject, name: str) -> None:
    names = buckets(name, 3)
    secret = listing(names, name)
    operator = deleting(subject, secret)
    operator.sync(secret)
    secret.set(bucket_names=",".join(names[:2]))
    operator.sync(secret)
    assert finalized(operator, secret, "delete").response.finalized
    assert subject.names()[1] & set(names) == {names[2]}
