"""What only SeaweedFS does; the rest is in the conformance suite."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim, Gap
from backends.errors import CredentialsRejected, Misconfigured, Rejected, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.contract.outcome import Action
from tests.conformance.subject import RealSubject, seaweedfs_subject
from tests.servers.s3 import code_of
from tests.servers.seaweedfs import POLICY, IamRefusal, SeaweedStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
DISABLED = ("Conflict", "UserDisabled")
MISCONFIGURED = ("Retrying", "OperatorMisconfigured")
DOCUMENT = Path(__file__).parents[3] / "docs" / "backends.md"


def _claim(bucket: str, user: str, secret: str = SECRET, **attributes: Any) -> Claim:
    return Claim(bucket, user, Sensitive(secret), **attributes)


# How it is set up


def test_an_iam_api_that_takes_no_changes_is_named_with_its_flag(tmp_path: Path) -> None:
    with seaweedfs_subject(tmp_path, ["-s3.iam.readOnly=true"]) as subject:
        secret = Secret.claiming("read-only", "readonly", SECRET)
        operator = subject.operator()
        for _ in range(2):
            operator.sync(secret)
            assert secret.state == MISCONFIGURED
            assert "-s3.iam.readOnly=false" in secret.annotations["message"]
        assert subject.names() == (set(), set())
        with pytest.raises(Misconfigured, match="readOnly=false"):
            wait(subject.backend().check(Deadline(10)))


def test_a_gateway_without_an_iam_api_is_named(tmp_path: Path) -> None:
    with seaweedfs_subject(tmp_path, ["-s3.iam=false"]) as subject:
        with pytest.raises(Misconfigured, match="no such admin API"):
            wait(subject.backend().check(Deadline(10)))
        secret = Secret.claiming("without-iam", "withoutiam", SECRET)
        subject.operator().sync(secret)
        assert secret.state == MISCONFIGURED


def test_a_store_that_checks_no_signatures_is_never_ready(tmp_path: Path) -> None:
    """Without any identity it lets everybody in, so that each probe would be accepted."""
    with seaweedfs_subject(tmp_path, ["-s3.config="]) as subject:
        with pytest.raises(Misconfigured, match="checks no signatures"):
            wait(subject.backend().check(Deadline(10)))
        subject.store.create_bucket("everybodys")
        for bucket in ("everybodys", "nobodys"):
            secret = Secret.claiming(bucket, "anybody", SECRET)
            subject.operator().sync(secret)
            # Its IAM API knows nobody.
            assert secret.state == ("Retrying", "OperatorCredentialsRejected"), bucket
        assert "nobodys" not in subject.names()[1]


def test_the_documented_rights_are_enough_for_the_operator(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    section = DOCUMENT.read_text().split("\n## SeaweedFS\n")[1]
    found = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert found
    _attach(store, "least", json.loads(found[1]))
    environ = {"S3_ACCESS_KEY": "least", "S3_SECRET_KEY": SECRET}
    operator = seaweedfs.operator(environ)
    secret = Secret.claiming("least-1", "leastone", SECRET)
    operator.sync(secret)
    assert secret.state == READY, secret.annotations
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_key="leasttwo")
    operator.sync(secret)
    assert secret.state == READY
    # Another's, whose settings go; whose user has a group and policies of all kinds.
    store.create_user("leastthree", SECRET)
    _every_kind_of_policy(store, "leastthree", ["least-2"])
    taken = Secret.claiming("least-1", "leastthree", OTHER_SECRET)
    operator.sync(taken)
    assert taken.state == READY
    assert store.owner("least-1") == "leastthree"
    backend = seaweedfs.connect({**seaweedfs.environ(), **environ}, lambda *_: None)
    wait(backend.check(Deadline(5)))
    claim = _claim("least-1", "leastthree", versioning="enabled")
    calls: list[Callable[[], Coroutine[Any, Any, bool]]] = [
        lambda: backend.set_versioning(claim, Deadline(5)),
        lambda: backend.delete_bucket("least-1", Deadline(5)),
    ]
    for call in calls:
        with pytest.raises(CredentialsRejected):
            wait(call())
    # What the optional features need beside it.
    more = re.findall(r"^- \w+: add (.+)\.$", section, re.MULTILINE)
    actions = re.findall(r"`(s3:\w+)`", " ".join(more))
    _attach(store, "least", _allowing(actions, "arn:aws:s3:::*"), name="more")
    assert wait(backend.set_versioning(claim, Deadline(5)))
    assert wait(backend.delete_bucket("least-1", Deadline(5)))
    assert wait(backend.delete_user("leastthree", Deadline(5)))
    # It is an administrator like any other, and can read no object.
    store.create_bucket("least-4")
    assert store.put("least-4", "key", b"body") == ""
    assert store.get("least-4", "key", as_user=("least", SECRET)) == "AccessDenied"
    other = Secret.claiming("least-4", "least", SECRET)
    seaweedfs.operator().sync(other)
    assert other.state == ("Conflict", "AdminUser")


def _allowing(actions: list[str], resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _attach(
    store: SeaweedStore, user: str, policy: dict[str, Any], *, name: str = "managed"
) -> None:
    if store.user(user) is None:
        store.create_user(user, SECRET)
    arn = f"arn:aws:iam:::policy/{user}-{name}"
    document = json.dumps(policy)
    store.iam("CreatePolicy", PolicyName=f"{user}-{name}", PolicyDocument=document)
    store.iam("AttachUserPolicy", UserName=user, PolicyArn=arn)


def _every_kind_of_policy(store: SeaweedStore, user: str, buckets: list[str]) -> None:
    """One of its own, one that is attached, and both of a group."""
    resources = [f"{bucket}/*" for bucket in buckets]
    store.allow(user, "more", resources)
    policy = _allowing(["s3:GetObject"], f"arn:aws:s3:::{resources[0]}")
    _attach(store, user, policy)
    group = f"of-{user}"
    store.iam("CreateGroup", GroupName=group)
    store.iam("AddUserToGroup", GroupName=group, UserName=user)
    document = json.dumps(policy)
    store.iam("PutGroupPolicy", GroupName=group, PolicyName="own", PolicyDocument=document)
    arn = f"arn:aws:iam:::policy/{user}-managed"
    store.iam("AttachGroupPolicy", GroupName=group, PolicyArn=arn)


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
        wait(backend.create_user(_claim("odd-key", key), Deadline(10)))
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
    assert not wait(backend.create_user(_claim("lodgings", "lodger"), Deadline(10)))
    store.iam("SetUserStatus", UserName="landlord", Status="Inactive")
    with pytest.raises(Rejected, match="another of its identities"):
        wait(backend.create_user(_claim("lodgings", "lodger"), Deadline(10)))
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
        (_inline, _allowing(["s3:*"], "*")),
        (_inline, _allowing(["s3:*"], "arn:aws:s3:::*")),
        (_attach, _allowing(["iam:*"], "*")),
        (_attach, _allowing(["*"], "*")),
        (_of_group, _allowing(["iam:CreateUser"], "*")),
        (_attached_to_group, _allowing(["iam:Put*"], "*")),
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
    assert not wait(backend.change_owner(_claim(f"of-{key}", user), Deadline(10)))
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


# Buckets


def test_a_bucket_is_made_by_its_user_who_may_ask_for_it_again(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    seaweedfs.operator().sync(Secret.claiming("made-by-user", "maker", SECRET))
    with store.s3("maker", SECRET) as client:
        assert code_of(lambda: client.create_bucket(Bucket="made-by-user")) == (
            "BucketAlreadyOwnedByYou"
        )
        assert [each["Name"] for each in client.list_buckets()["Buckets"]] == ["made-by-user"]


def test_a_policy_that_says_something_else_is_put_right(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    operator = seaweedfs.operator({"ADOPTION": "never"})
    secret = Secret.claiming("narrowed", "narrowed", SECRET)
    operator.sync(secret)
    before = dict(secret.annotations)
    store.allow("narrowed", f"{POLICY}narrowed", ["narrowed/only/*"])
    operator.sync(secret)
    assert secret.annotations == before
    assert store.put("narrowed", "key", b"body", as_user=("narrowed", SECRET)) == ""


def test_a_bucket_policy_that_shuts_everybody_out_is_told(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    operator = seaweedfs.operator()
    secret = Secret.claiming("shut", "shutter", SECRET)
    operator.sync(secret)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::shut", "arn:aws:s3:::shut/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with store.s3("shutter", SECRET) as client:
        client.put_bucket_policy(Bucket="shut", Policy=policy)
    # The tenant's own doing, and the bucket is the tenant's.
    operator.sync(secret)
    assert secret.state == READY
    other = Secret.claiming("shut", "another", OTHER_SECRET)
    operator.sync(other)
    assert other.state == ("Retrying", "OperatorCredentialsRejected")
    assert "policy of the bucket shuts it out" in other.annotations["message"]
    assert store.owner("shut") == "shutter"


def test_quota_is_refused_and_nothing_is_made(seaweedfs: RealSubject) -> None:
    before = seaweedfs.names()
    secret = Secret.claiming("with-quota", "withquota", SECRET, quota_bytes="1000")
    seaweedfs.operator().sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert seaweedfs.names() == before


def test_a_name_that_the_store_refuses_leaves_no_policy(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    secret = Secret.claiming("filemeta", "ofrefused", SECRET)
    seaweedfs.operator().sync(secret)
    assert secret.state == ("Invalid", "RejectedByBackend")
    assert store.owner("filemeta") is None
    assert not [entry for entry in store.listed() if "filemeta" in entry]


@pytest.mark.parametrize("name", ["status", "healthz", "readyz"])
def test_a_name_under_which_the_gateway_tells_about_itself_is_refused(
    seaweedfs: RealSubject, name: str
) -> None:
    """It would answer 200 to anybody's probe."""
    before = seaweedfs.names()
    secret = Secret.claiming(name, "toldabout", SECRET)
    for _ in range(2):
        seaweedfs.operator().sync(secret)
        assert secret.state == NOT_SUPPORTED
    assert seaweedfs.names() == before


def test_unknown_actions_are_refused_by_the_server_itself(store: SeaweedStore) -> None:
    """So that a test of this file that asks for nothing real can't pass."""
    with pytest.raises(IamRefusal, match="InvalidAction"):
        store.iam("NoSuchAction")


def test_the_probe_tells_a_missing_bucket_only_to_who_may_have_it(
    seaweedfs: RealSubject, store: SeaweedStore
) -> None:
    store.create_user("asker", SECRET)
    backend = seaweedfs.backend()
    assert wait(backend.probe(_claim("unasked", "asker"), Deadline(10))).gap is Gap.DENIED
    store.allow("asker", f"{POLICY}unasked", ["unasked", "unasked/*"])
    assert wait(backend.probe(_claim("unasked", "asker"), Deadline(10))).gap is Gap.NO_BUCKET
