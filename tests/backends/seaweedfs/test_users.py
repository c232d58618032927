"""What SeaweedFS's users are changed by, and which are left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backends.errors import Rejected, Unsupported
from backends.wire.deadline import Deadline
from hooks.contract.outcome import Action
from tests.backends.seaweedfs.tenants import SECRET, allowing, attach, claim_of
from tests.conformance.subject import RealSubject
from tests.servers.seaweedfs import SeaweedStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
DISABLED = ("Conflict", "UserDisabled")


# Access keys and secrets


@pytest.mark.parametrize(
    "key",
    ["abc", "with-dash", "with.dot", "under_score", "at@example", "A" * 129, "ümlaut"],
    ids=["short", "dash", "dot", "underscore", "at", "long", "umlaut"],
)
def test_an_access_key_of_anything_but_letters_and_digits_makes_nothing(
    seaweedfs: RealSubject, key: str
) -> None:
    before = seaweedfs.names()
    backend = seaweedfs.backend()
    with pytest.raises(Unsupported, match="4 to 128 letters and digits"):
        wait(backend.create_user(claim_of("odd-key", key), Deadline(10)))
    secret = Secret.claiming("odd-key", key, SECRET)
    if key.isascii() and len(key) <= 128:
        # The others are none for any store.
        seaweedfs.operator().sync(secret)
        assert secret.state == NOT_SUPPORTED
        assert "letters and digits" in secret.annotations["message"]
    assert seaweedfs.names() == before


@pytest.mark.parametrize("value", ["short", "x" * 129])
def test_a_secret_that_is_refused_leaves_the_former_one_as_it_is(
    seaweedfs: RealSubject, store: SeaweedStore, value: str
) -> None:
    user = f"keeps{len(value)}"
    operator = seaweedfs.operator()
    secret = Secret.claiming(f"{user}-bucket", user, SECRET)
    operator.sync(secret)
    secret.set(access_secret=value)
    operator.sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert value not in secret.annotations["message"]
    assert store.put(f"{user}-bucket", "key", b"body", as_user=(user, SECRET)) == ""


def test_a_rotation_ends_all_keys_that_were_made_with_the_former_one(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    operator = seaweedfs.operator()
    secret = Secret.claiming("leaked-bucket", "leaked", SECRET)
    operator.sync(secret)
    further = {"AccessKeyId": "further", "SecretAccessKey": OTHER_SECRET}
    store.iam("CreateAccessKey", UserName="leaked", **further)
    assert store.put("leaked-bucket", "key", b"body", as_user=("further", OTHER_SECRET)) == ""
    secret.set(access_secret="the-secret-after-the-leak")
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.UPDATE_USER,)
    found = store.user("leaked")
    assert found is not None
    assert found.keys == {"leaked": "the-secret-after-the-leak"}
    refused = store.get("leaked-bucket", "key", as_user=("further", OTHER_SECRET))
    assert refused == "InvalidAccessKeyId"


def test_a_user_without_its_access_key_gets_it_back_with_all_that_it_had(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    """As a rotation leaves it that was killed after the former key was deleted."""
    operator = seaweedfs.operator({"ADOPTION": "never"})
    secret = Secret.claiming("half-rotated", "halfrotated", SECRET)
    operator.sync(secret)
    store.put("half-rotated", "key", b"body", as_user=("halfrotated", SECRET))
    secret.set(access_secret=OTHER_SECRET)
    store.iam("DeleteAccessKey", UserName="halfrotated", AccessKeyId="halfrotated")
    operator.sync(secret)
    assert secret.state == READY
    found = store.get("half-rotated", "key", as_user=("halfrotated", OTHER_SECRET))
    assert found == b"body"


@pytest.mark.parametrize("adoption", ["never", "any"])
def test_a_user_without_an_access_key_whose_bucket_it_has_counts_as_there(
    seaweedfs: RealSubject, store: SeaweedStore, adoption: str
) -> None:
    user = f"keyless{adoption}"
    holder = Secret.claiming(f"of-{user}", user, SECRET)
    seaweedfs.operator().sync(holder)
    store.iam("DeleteAccessKey", UserName=user, AccessKeyId=user)
    stranger = Secret.claiming(f"other-{user}", user, OTHER_SECRET)
    seaweedfs.operator({"ADOPTION": adoption}).sync(stranger)
    taken = adoption == "any"
    assert stranger.state == (READY if taken else ("Conflict", "UserExists"))
    found = store.user(user)
    assert found is not None
    assert bool(found.keys) == taken


def test_an_access_key_that_another_user_has_makes_nothing(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    store.iam("CreateUser", UserName="landlord")
    key = {"AccessKeyId": "lodger", "SecretAccessKey": SECRET}
    store.iam("CreateAccessKey", UserName="landlord", **key)
    for value in (SECRET, OTHER_SECRET):
        secret = Secret.claiming("lodgings", "lodger", value)
        seaweedfs.operator().sync(secret)
        assert secret.state == ("Conflict", "AdminUser")
    # Even if it is found out no earlier than when the key is made.
    backend = seaweedfs.backend()
    assert not wait(backend.create_user(claim_of("lodgings", "lodger"), Deadline(10)))
    store.iam("SetUserStatus", UserName="landlord", Status="Inactive")
    with pytest.raises(Rejected, match="another of its identities"):
        wait(backend.create_user(claim_of("lodgings", "lodger"), Deadline(10)))
    users, buckets = store.names()
    assert "lodger" not in users
    assert "lodgings" not in buckets


def test_a_user_of_other_access_keys_is_left_alone(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    store.iam("CreateUser", UserName="keyring")
    key = {"AccessKeyId": "keyringsown", "SecretAccessKey": SECRET}
    store.iam("CreateAccessKey", UserName="keyring", **key)
    before = store.user("keyring")
    secret = Secret.claiming("keyrings", "keyring", SECRET)
    for _ in range(2):
        seaweedfs.operator().sync(secret)
        assert secret.state == ("Conflict", "AdminUser")
    assert store.user("keyring") == before


# Users that are left alone


@pytest.mark.parametrize("way", ["user", "key"])
def test_a_user_that_was_disabled_stays_so_until_it_is_enabled(
    seaweedfs: RealSubject, store: SeaweedStore, way: str
) -> None:
    def switch(status: str) -> None:
        if way == "user":
            store.iam("SetUserStatus", UserName=user, Status=status)
        else:
            store.iam("UpdateAccessKey", UserName=user, AccessKeyId=user, Status=status)

    user = f"disabled{way}"
    operator = seaweedfs.operator()
    secret = Secret.claiming(f"{user}-bucket", user, SECRET)
    operator.sync(secret)
    switch("Inactive")
    before = store.user(user)
    for value in (SECRET, OTHER_SECRET):
        secret.set(access_secret=value)
        operator.sync(secret)
        assert secret.state == DISABLED
        assert store.user(user) == before
    secret.set(access_secret=SECRET)
    switch("Active")
    operator.sync(secret)
    assert secret.state == READY


def _inline(store: SeaweedStore, user: str, policy: dict[str, Any]) -> None:
    store.create_user(user, SECRET)
    document = json.dumps(policy)
    store.iam("PutUserPolicy", UserName=user, PolicyName="own", PolicyDocument=document)


def _of_group(store: SeaweedStore, user: str, policy: dict[str, Any]) -> None:
    store.create_user(user, SECRET)
    _group(store, user)
    document = json.dumps(policy)
    store.iam("PutGroupPolicy", GroupName=user, PolicyName="own", PolicyDocument=document)


def _attached_to_group(store: SeaweedStore, user: str, policy: dict[str, Any]) -> None:
    store.create_user(user, SECRET)
    _group(store, user)
    document = json.dumps(policy)
    store.iam("CreatePolicy", PolicyName=f"group-{user}", PolicyDocument=document)
    arn = f"arn:aws:iam:::policy/group-{user}"
    store.iam("AttachGroupPolicy", GroupName=user, PolicyArn=arn)


def _group(store: SeaweedStore, user: str) -> None:
    store.iam("CreateGroup", GroupName=user)
    store.iam("AddUserToGroup", GroupName=user, UserName=user)


@pytest.mark.parametrize(
    ("give", "policy"),
    [
        (_inline, allowing(["s3:*"], "*")),
        (_inline, allowing(["s3:*"], "arn:aws:s3:::*")),
        (attach, allowing(["iam:*"], "*")),
        (attach, allowing(["*"], "*")),
        (_of_group, allowing(["iam:CreateUser"], "*")),
        (_attached_to_group, allowing(["iam:Put*"], "*")),
    ],
)
def test_administrators_of_every_kind_are_left_alone(
    seaweedfs: RealSubject,
    store: SeaweedStore,
    request: pytest.FixtureRequest,
    give: Callable[[SeaweedStore, str, dict[str, Any]], None],
    policy: dict[str, Any],
) -> None:
    user = "admin" + "".join(filter(str.isalnum, request.node.callspec.id))[-20:]
    give(store, user, policy)
    before = (store.user(user), store.policies().get(user))
    for value in (SECRET, OTHER_SECRET):
        secret = Secret.claiming(f"bucket-{user}".lower(), user, value)
        seaweedfs.operator().sync(secret)
        assert secret.state == ("Conflict", "AdminUser")
    assert (store.user(user), store.policies().get(user)) == before


@pytest.mark.parametrize(
    ("give", "policy"),
    [
        (_inline, allowing(["s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::*")),
        (attach, allowing(["s3:PutObject"], "*")),
        (_attached_to_group, allowing(["s3:Get*"], "arn:aws:s3:::team-*/*")),
    ],
)
def test_who_may_use_anybodys_buckets_is_not_taken_over(
    seaweedfs: RealSubject,
    store: SeaweedStore,
    request: pytest.FixtureRequest,
    give: Callable[[SeaweedStore, str, dict[str, Any]], None],
    policy: dict[str, Any],
) -> None:
    user = "broad" + "".join(filter(str.isalnum, request.node.callspec.id))[-20:]
    give(store, user, policy)
    before = (store.user(user), store.policies().get(user))
    operator = seaweedfs.operator()
    secret = Secret.claiming(f"bucket-{user}".lower(), user, OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == ("Conflict", "AdminUser")
    assert (store.user(user), store.policies().get(user)) == before
    # Who knows its secret takes nothing over.
    secret.set(access_secret=SECRET)
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize("named", ["by its key", "by another name"])
@pytest.mark.parametrize("right", [True, False])
def test_an_identity_of_the_shell_is_never_touched(
    seaweedfs: RealSubject, store: SeaweedStore, named: str, right: bool
) -> None:
    """A policy that is written on one would take its rights away for good."""
    key = f"shell{len(named)}{int(right)}"
    user = key if named == "by its key" else f"owner-of-{key}"
    store.create_bucket(f"of-{key}")
    store.shell(
        f"s3.configure -user={user} -access_key={key} -secret_key={SECRET} "
        f"-buckets=of-{key} -actions=Read,Write,List -apply"
    )
    before = (store.user(user), store.policies().get(user))
    assert before[0] is not None
    for bucket in (f"of-{key}", f"new-{key}"):
        secret = Secret.claiming(bucket, key, SECRET if right else OTHER_SECRET)
        seaweedfs.operator().sync(secret)
        assert secret.state == ("Conflict", "AdminUser")
    backend = seaweedfs.backend()
    assert not wait(backend.change_owner(claim_of(f"of-{key}", user), Deadline(10)))
    if user == key:
        with pytest.raises(Unsupported):
            wait(backend.delete_user(user, Deadline(10)))
    assert (store.user(user), store.policies().get(user)) == before
    assert store.put(f"of-{key}", "key", b"body", as_user=(key, SECRET)) == ""


def test_an_identity_of_the_file_is_never_touched(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    """Its name is `operator`, and its access key is another."""
    secret = Secret.claiming("of-the-file", "operator", SECRET)
    seaweedfs.operator().sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend") or secret.state[0] == "Conflict"
    assert "operator" not in store.policies()
    wait(seaweedfs.backend().check(Deadline(10)))
    assert "of-the-file" not in store.names()[1]
