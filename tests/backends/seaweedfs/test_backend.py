"""What only SeaweedFS does; the rest is in the conformance suite."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backends.base import Gap
from backends.errors import CredentialsRejected, Misconfigured
from backends.wire.deadline import Deadline
from tests.backends.seaweedfs.tenants import SECRET, allowing, attach, claim_of
from tests.conformance.subject import RealSubject, seaweedfs_subject
from tests.servers.s3 import code_of
from tests.servers.seaweedfs import POLICY, IamRefusal, SeaweedStore
from tests.support import Secret, wait

pytestmark = pytest.mark.server
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
MISCONFIGURED = ("Retrying", "OperatorMisconfigured")
DOCUMENT = Path(__file__).parents[3] / "docs" / "backends.md"


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
    attach(store, "least", json.loads(found[1]))
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
    claim = claim_of("least-1", "leastthree", versioning="enabled")
    calls: list[Callable[[], Coroutine[Any, Any, bool]]] = [
        lambda: backend.set_versioning(claim, Deadline(5)),
        lambda: backend.delete_bucket("least-1", Deadline(5)),
    ]
    for call in calls:
        with pytest.raises(CredentialsRejected):
            wait(call())
    # Whether another's bucket has a lock it may not ask, which keeps nobody from taking it over.
    seaweedfs.create_bucket("least-5", "leastone")
    taken = Secret.claiming("least-5", "leastfive", SECRET, object_lock="enabled")
    operator.sync(taken)
    assert taken.state == NOT_SUPPORTED
    assert store.owner("least-5") == "leastfive"
    # What the optional features need beside it.
    more = re.findall(r"^- \w+: add (.+)\.$", section, re.MULTILINE)
    actions = re.findall(r"`(s3:\w+)`", " ".join(more))
    attach(store, "least", allowing(actions, "arn:aws:s3:::*"), name="more")
    taken = Secret.claiming("least-5", "leastsix", SECRET, object_lock="enabled")
    operator.sync(taken)
    assert taken.state == NOT_SUPPORTED
    assert store.owner("least-5") == "leastfive"
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


def _every_kind_of_policy(store: SeaweedStore, user: str, buckets: list[str]) -> None:
    """One of its own, one that is attached, and both of a group."""
    resources = [f"{bucket}/*" for bucket in buckets]
    store.allow(user, "more", resources)
    policy = allowing(["s3:GetObject"], f"arn:aws:s3:::{resources[0]}")
    attach(store, user, policy)
    group = f"of-{user}"
    store.iam("CreateGroup", GroupName=group)
    store.iam("AddUserToGroup", GroupName=group, UserName=user)
    document = json.dumps(policy)
    store.iam("PutGroupPolicy", GroupName=group, PolicyName="own", PolicyDocument=document)
    arn = f"arn:aws:iam:::policy/{user}-managed"
    store.iam("AttachGroupPolicy", GroupName=group, PolicyArn=arn)


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
    assert wait(backend.probe(claim_of("unasked", "asker"), Deadline(10))).gap is Gap.DENIED
    store.allow("asker", f"{POLICY}unasked", ["unasked", "unasked/*"])
    assert wait(backend.probe(claim_of("unasked", "asker"), Deadline(10))).gap is Gap.NO_BUCKET
