"""What only RustFS does; the rest is in the conformance suite."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim
from backends.errors import CredentialsRejected, Unsupported
from backends.wire.cannedpolicy import full_use
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.subject import RealSubject
from tests.servers.rustfs import POLICY, RustFSStore, refused
from tests.servers.s3 import code_of
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
OWNED = ("Conflict", "BucketOwned")
ADMIN = ("Conflict", "AdminUser")
DISABLED = ("Conflict", "UserDisabled")
DOCUMENT = Path(__file__).parents[3] / "docs" / "backends.md"


@pytest.mark.parametrize("value", [SECRET, OTHER_SECRET], ids=["same", "another"])
def test_a_disabled_user_stays_disabled_and_keeps_its_secret(
    rustfs: RealSubject, store: RustFSStore, value: str
) -> None:
    name = f"disabled-{len(value)}"
    operator = rustfs.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    store.set_status(name, "disabled")
    secret.set(access_secret=value)
    result = operator.sync(secret)
    assert secret.state == DISABLED
    assert result.outcome is not None
    assert result.outcome.actions == ()
    user = store.user(name)
    assert user is not None
    assert user.disabled
    store.set_status(name, "enabled")
    assert rustfs.accepts(name, SECRET)
    operator.sync(secret)
    assert secret.state == READY


def test_adding_a_user_never_takes_one_over(rustfs: RealSubject, store: RustFSStore) -> None:
    """Between the probe and the repair somebody else may make the user."""
    store.create_user("made-meanwhile", SECRET)
    backend = rustfs.connect(rustfs.environ(), lambda *_: None)
    claim = Claim("made-meanwhile", "made-meanwhile", Sensitive(OTHER_SECRET))
    assert not wait(backend.create_user(claim, Deadline(5)))
    assert rustfs.accepts("made-meanwhile", SECRET)


def test_a_tenant_gets_its_own_bucket_and_nothing_else(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    rustfs.operator().sync(Secret.claiming("neighbour", "neighbour", OTHER_SECRET))
    rustfs.operator().sync(Secret.claiming("tenant", "tenant", SECRET))
    with store.s3("tenant", SECRET) as client:
        assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["tenant"]
        client.put_bucket_versioning(Bucket="tenant", VersioningConfiguration={"Status": "Enabled"})
        assert client.list_objects_v2(Bucket="tenant")["KeyCount"] == 0
        neighbours: list[Callable[[], object]] = [
            lambda: client.list_objects_v2(Bucket="neighbour"),
            lambda: client.get_bucket_location(Bucket="neighbour"),
            lambda: client.delete_bucket(Bucket="neighbour"),
            lambda: client.create_bucket(Bucket="another-one"),
        ]
        assert {code_of(call) for call in neighbours} == {"AccessDenied"}
    tenant = ("tenant", SECRET)
    associate = {"policies": ["readwrite"], "user": "tenant"}
    calls: list[tuple[str, str, Any, dict[str, str]]] = [
        ("GET", "list-users", None, {}),
        ("PUT", "add-user", {"secretKey": SECRET, "status": "enabled"}, {"accessKey": "another"}),
        ("PUT", "set-user-secret-key", {"secret_key": OTHER_SECRET}, {"accessKey": "neighbour"}),
        ("GET", "user-info", None, {"accessKey": "neighbour"}),
        ("GET", "list-canned-policies", None, {"bucket": ""}),
        ("PUT", "add-canned-policy", full_use("neighbour"), {"name": "tenants-own"}),
        ("POST", "idp/builtin/policy/attach", associate, {}),
        ("PUT", "set-bucket-quota", {"quota": 0}, {"bucket": "tenant"}),
    ]
    for method, call, body, query in calls:
        assert refused(store, method, call, body, by=tenant, **query) == "AccessDenied", call


def test_a_new_bucket_is_its_users_by_the_users_own_request(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    """Root would be told 200 about one that is there already."""
    store.create_user("maker", SECRET)
    sent: list[str] = []
    backend = rustfs.connect(rustfs.environ(), lambda operation, *_: sent.append(operation))
    claim = Claim("made", "maker", Sensitive(SECRET))
    assert wait(backend.create_bucket(claim, Deadline(10)))
    assert sent[:6] == [
        *("info-canned-policy", "add-canned-policy", "user-info", "attach", "user-info"),
        "create_bucket",
    ]
    assert store.owner("made") == "maker"
    store.create_user("late", SECRET)
    late = Claim("made", "late", Sensitive(SECRET))
    assert not wait(backend.create_bucket(late, Deadline(10)))
    assert store.owner("made") == "maker"


def test_policies_that_are_given_to_one_user_at_once_are_all_kept(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    """RustFS alone loses most of them."""
    buckets = [f"at-once-{number}" for number in range(12)]
    store.create_user("at-once", SECRET)
    backend = rustfs.backend()

    async def make() -> list[bool]:
        claims = [Claim(bucket, "at-once", Sensitive(SECRET)) for bucket in buckets]
        return await asyncio.gather(*(backend.create_bucket(each, Deadline(60)) for each in claims))

    assert wait(make()) == [True] * len(buckets)
    user = store.user("at-once")
    assert user is not None
    assert user.policies == {POLICY + bucket for bucket in buckets}


def test_a_policy_that_another_replica_loses_is_given_again(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    store.create_user("twice", SECRET)
    lost = threading.Event()

    def observe(operation: str, *_: object) -> None:
        if operation == "attach" and not lost.is_set():
            lost.set()
            store.detach(f"{POLICY}lost", "twice")

    backend = rustfs.connect(rustfs.environ(), observe)
    claim = Claim("lost", "twice", Sensitive(SECRET))
    assert wait(backend.create_bucket(claim, Deadline(20)))
    assert lost.is_set()
    assert store.owner("lost") == "twice"


def test_a_user_that_was_disabled_meanwhile_is_not_enabled_by_its_new_secret(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    """Between the look and the change an administrator may disable it."""
    store.create_user("meanwhile", SECRET)
    store.set_status("meanwhile", "disabled")
    claim = Claim("meanwhile", "meanwhile", Sensitive(OTHER_SECRET))
    assert wait(rustfs.backend().update_user(claim, Deadline(10)))
    user = store.user("meanwhile")
    assert user is not None
    assert user.disabled
    store.delete_user("meanwhile")
    assert not wait(rustfs.backend().update_user(claim, Deadline(10)))
    assert store.user("meanwhile") is None


def test_an_operator_that_is_not_root_sees_a_bucket_whose_policy_shuts_it_out(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    store.create_user("second-root", SECRET, "admin")
    secret = Secret.claiming("shut", "shut", SECRET)
    operator = rustfs.operator({"S3_ACCESS_KEY": "second-root", "S3_SECRET_KEY": SECRET})
    operator.sync(secret)
    assert secret.state == READY
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetBucketLocation"],
        "Resource": ["arn:aws:s3:::shut"],
    }
    with store.s3() as client:
        client.put_bucket_policy(
            Bucket="shut", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        )
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    assert store.owner("shut") == "shut"


def test_a_quota_of_a_bucket_that_is_gone_is_none(rustfs: RealSubject) -> None:
    claim = Claim("gone", "gone", Sensitive(SECRET), quota_bytes=1_000)
    assert not wait(rustfs.backend().set_quota(claim, Deadline(10)))


def test_a_quota_and_what_a_bucket_holds_are_told(rustfs: RealSubject, store: RustFSStore) -> None:
    rustfs.operator().sync(Secret.claiming("limited", "limited", SECRET))
    backend = rustfs.backend()
    claim = Claim("limited", "limited", Sensitive(SECRET), quota_bytes=5_000_000)
    assert wait(backend.set_quota(claim, Deadline(10)))
    told = wait(backend.usage("limited", Deadline(10)))
    assert told is not None
    assert told.quota_bytes == 5_000_000
    none = replace(claim, quota_bytes=0)
    assert wait(backend.set_quota(none, Deadline(10)))
    told = wait(backend.usage("limited", Deadline(10)))
    assert told is not None
    assert told.quota_bytes is None
    with pytest.raises(Unsupported, match="quota-objects"):
        wait(backend.set_quota(replace(claim, quota_objects=1), Deadline(10)))


def test_the_documented_rights_are_enough_for_the_operator(
    rustfs: RealSubject, store: RustFSStore
) -> None:
    section = DOCUMENT.read_text().split("\n## RustFS\n")[1].split("\n## ")[0]
    found = re.search(r"```json\n(\{\n.*?admin:.*?)```", section, re.DOTALL)
    assert found
    store.create_user("least", SECRET)
    store.add_policy("s3-resource-operator", json.loads(found[1]))
    store.attach("s3-resource-operator", "least")
    operator = rustfs.operator({"S3_ACCESS_KEY": "least", "S3_SECRET_KEY": SECRET})
    secret = Secret.claiming("least-1", "least-one", SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    secret.set(access_key="least-two")
    operator.sync(secret)
    assert secret.state == READY
    assert store.owner("least-1") == "least-two"
    # Another's, whose settings go.
    taken = Secret.claiming("least-1", "least-four", SECRET)
    operator.sync(taken)
    assert taken.state == READY
    assert store.owner("least-1") == "least-four"
    secret = Secret.claiming("least-1", "least-two", OTHER_SECRET)
    operator.sync(secret)
    assert secret.state == READY
    store.add_to_group("least-group", "least-one")
    store.write_policy("least-read", ["s3:GetObject"], ["elsewhere/*"])
    store.attach_to_group("least-read", "least-group")
    other = Secret.claiming("least-3", "least-one", SECRET)
    operator.sync(other)
    assert other.state == READY
    backend = rustfs.connect(
        {**rustfs.environ(), "S3_ACCESS_KEY": "least", "S3_SECRET_KEY": SECRET}, lambda *_: None
    )
    wait(backend.check(Deadline(5)))
    claim = Claim("least-1", "least-two", Sensitive(OTHER_SECRET), versioning="enabled")
    quota = Claim("least-1", "least-two", Sensitive(OTHER_SECRET), quota_bytes=1_000)
    calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: backend.usage("least-1", Deadline(5)),
        lambda: backend.set_versioning(claim, Deadline(5)),
        lambda: backend.set_quota(quota, Deadline(5)),
        lambda: backend.delete_bucket("least-1", Deadline(5)),
        lambda: backend.delete_user("least-two", Deadline(5)),
    ]
    for call in calls:
        with pytest.raises(CredentialsRejected):
            wait(call())
    # What the optional features need beside it.
    lines = re.findall(r"^- \w+: add (.+)\.$", section, re.MULTILINE)
    actions = re.findall(r"`([\w:]+)`", " ".join(lines))
    for start in ("admin:", "s3:"):
        chosen = [action for action in actions if action.startswith(start)]
        store.give(f"more-{start[:-1]}", chosen, [] if start == "admin:" else ["*"], "least")
    assert wait(backend.set_versioning(claim, Deadline(5)))
    assert wait(backend.set_quota(quota, Deadline(5)))
    assert wait(backend.usage("least-1", Deadline(5)))
    assert wait(backend.release("least-1", "least-two", Deadline(5)))
    assert wait(backend.delete_user("least-two", Deadline(5)))
    assert wait(backend.delete_bucket("least-1", Deadline(5)))
    assert f"{POLICY}least-1" not in store.policies()
