"""What only MinIO does; the rest is in the conformance suite."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backends.base import Claim
from backends.errors import CredentialsRejected, ServerFault
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from tests.conformance.subject import RealSubject
from tests.servers.minio import POLICY, MinioStore, refused
from tests.servers.s3 import code_of
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
NOT_SUPPORTED = ("Invalid", "NotSupported")
OWNED = ("Conflict", "BucketOwned")
ADMIN = ("Conflict", "AdminUser")
DISABLED = ("Conflict", "UserDisabled")
DOCUMENT = Path(__file__).parents[3] / "docs" / "backends.md"


def test_a_user_that_looks_like_a_group_is_not_one(minio: RealSubject, store: MinioStore) -> None:
    """An access key may have a colon: a name for groups must be one that no key can have."""
    store.create_user("of-the-team", SECRET)
    store.add_to_group("team", "of-the-team")
    operator = minio.operator()
    secret = Secret.claiming("of-a-group", "group:team", SECRET)
    operator.sync(secret)
    store.admin().attach_policy([f"{POLICY}of-a-group"], group="team")
    again = secret.made_again()
    operator.sync(again)
    assert again.state == READY
    assert store.owner("of-a-group") == "group:team"


@pytest.mark.parametrize("value", [SECRET, OTHER_SECRET], ids=["same", "another"])
def test_a_disabled_user_stays_disabled_and_keeps_its_secret(
    minio: RealSubject, store: MinioStore, value: str
) -> None:
    name = f"disabled-{len(value)}"
    operator = minio.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    store.admin().user_disable(name)
    secret.set(access_secret=value)
    result = operator.sync(secret)
    assert secret.state == DISABLED
    assert result.outcome is not None
    assert result.outcome.actions == ()
    user = store.user(name)
    assert user is not None
    assert user.disabled
    store.admin().user_enable(name)
    assert minio.accepts(name, SECRET)
    operator.sync(secret)
    assert secret.state == READY


def test_adding_a_user_never_takes_one_over(minio: RealSubject, store: MinioStore) -> None:
    """Between the probe and the repair somebody else may make the user."""
    store.create_user("made-meanwhile", SECRET)
    backend = minio.connect(minio.environ(), lambda *_: None)
    claim = Claim("made-meanwhile", "made-meanwhile", Sensitive(OTHER_SECRET))
    assert not wait(backend.create_user(claim, Deadline(5)))
    assert minio.accepts("made-meanwhile", SECRET)


def test_a_tenant_gets_its_own_bucket_and_nothing_else(
    minio: RealSubject, store: MinioStore
) -> None:
    minio.operator().sync(Secret.claiming("neighbour", "neighbour", OTHER_SECRET))
    minio.operator().sync(Secret.claiming("tenant", "tenant", SECRET))
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
    admin = store.admin("tenant", SECRET)
    calls: list[Callable[[], object]] = [
        admin.user_list,
        lambda: admin.user_info("neighbour"),
        lambda: admin.user_add("tenants-own", SECRET),
        admin.policy_list,
        lambda: admin.policy_add("tenants-own", policy={"Statement": []}),
        lambda: admin.attach_policy(["readwrite"], user="tenant"),
        admin.info,
    ]
    assert {refused(call) for call in calls} == {"AccessDenied"}


def test_an_access_key_of_a_users_own_making_outlives_a_rotation_and_no_change_of_owner(
    minio: RealSubject, store: MinioStore
) -> None:
    operator = minio.operator()
    secret = Secret.claiming("own-keys", "own-keys", SECRET)
    operator.sync(secret)
    tenant = store.admin("own-keys", SECRET)
    tenant.add_service_account(access_key="own-keys-extra", secret_key=SECRET)
    extra = ("own-keys-extra", SECRET)
    secret.set(access_secret=OTHER_SECRET)
    operator.sync(secret)
    assert store.put("own-keys", "key", b"body", as_user=extra) == ""
    secret.set(access_key="own-keys-new")
    operator.sync(secret)
    assert secret.state == READY
    assert store.get("own-keys", "key", as_user=extra) == "AccessDenied"


def test_a_new_buckets_policy_that_nobody_had_is_not_searched_for_owners(
    minio: RealSubject, store: MinioStore
) -> None:
    """MinIO itself keeps anybody from having a policy that is not there."""
    store.create_user("no-policy", SECRET)
    missing = f"{POLICY}never-made"
    assert refused(lambda: store.attach(missing, "no-policy")) == "XMinioAdminNoSuchPolicy"
    store.give(missing, ["s3:*"], ["never-made"], "no-policy")
    assert refused(lambda: store.admin().policy_remove(missing)) == "XMinioIAMPolicyInUse"
    sent: list[str] = []
    backend = minio.connect(minio.environ(), lambda operation, *_: sent.append(operation))
    claim = Claim("not-searched", "no-policy", Sensitive(SECRET))
    assert wait(backend.create_bucket(claim, Deadline(10)))
    assert sent == ["policy-info", "add-policy", "attach-policy", "create_bucket"]
    assert store.owner("not-searched") == "no-policy"


def test_an_answer_that_nobody_needs_is_not_decrypted(
    minio: RealSubject, store: MinioStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take 64 MiB and 90 ms of CPU."""
    store.create_user("not-decrypted", SECRET)
    monkeypatch.setattr("minio.minioadmin.decrypt", None)
    backend = minio.connect(minio.environ(), lambda *_: None)
    claim = Claim("not-decrypted", "not-decrypted", Sensitive(SECRET))
    assert wait(backend.create_bucket(claim, Deadline(10)))
    assert wait(backend.release("not-decrypted", "not-decrypted", Deadline(10)))
    assert store.owner("not-decrypted") is None


@pytest.mark.parametrize("fault", ["bomb", "empty", "huge"])
def test_a_page_in_its_place_is_not_believed(minio: RealSubject, fault: str) -> None:
    name = f"page-{fault}"
    backend = minio.connect(minio.environ(), lambda *_: None)
    claim = Claim(name, name, Sensitive(SECRET))
    assert wait(backend.create_user(claim, Deadline(10)))
    # The answer to the policy's attachment.
    minio.proxy.faults.extend(["", "", fault])
    with pytest.raises(ServerFault):
        wait(backend.create_bucket(claim, Deadline(10)))
    assert minio.proxy.injected == [fault]
    minio.proxy.calm()
    assert wait(backend.create_bucket(claim, Deadline(10)))


def test_the_documented_rights_are_enough_for_the_operator(
    minio: RealSubject, store: MinioStore
) -> None:
    found = re.search(r"```json\n(\{\n.*?admin:.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    store.create_user("least", SECRET)
    store.admin().policy_add("s3-resource-operator", policy=json.loads(found[1]))
    store.attach("s3-resource-operator", "least")
    operator = minio.operator({"S3_ACCESS_KEY": "least", "S3_SECRET_KEY": SECRET})
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
    backend = minio.connect(
        {**minio.environ(), "S3_ACCESS_KEY": "least", "S3_SECRET_KEY": SECRET}, lambda *_: None
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
    # Whether another's bucket has a lock it may not ask, which keeps nobody from taking it over.
    minio.create_bucket("least-5", "least-one")
    taken = Secret.claiming("least-5", "least-five", SECRET, object_lock="enabled")
    operator.sync(taken)
    assert taken.state == NOT_SUPPORTED
    assert store.owner("least-5") == "least-five"
    # What the optional features need beside it.
    section = DOCUMENT.read_text().split("\n## MinIO\n")[1].split("\n## ")[0]
    lines = re.findall(r"^- \w+: add (.+)\.$", section, re.MULTILINE)
    actions = re.findall(r"`([\w:]+)`", " ".join(lines))
    for start in ("admin:", "s3:"):
        chosen = [action for action in actions if action.startswith(start)]
        store.give(f"more-{start[:-1]}", chosen, [] if start == "admin:" else ["*"], "least")
    taken = Secret.claiming("least-5", "least-six", SECRET, object_lock="enabled")
    operator.sync(taken)
    assert taken.state == NOT_SUPPORTED
    assert store.owner("least-5") == "least-five"
    taken.set(bucket_name="least-6")
    operator.sync(taken)
    assert taken.state == READY, taken.annotations
    assert wait(backend.set_versioning(claim, Deadline(5)))
    assert wait(backend.set_quota(quota, Deadline(5)))
    assert wait(backend.usage("least-1", Deadline(5)))
    assert wait(backend.release("least-1", "least-two", Deadline(5)))
    assert wait(backend.delete_user("least-two", Deadline(5)))
    assert wait(backend.delete_bucket("least-1", Deadline(5)))
    assert f"{POLICY}least-1" not in json.loads(store.admin().policy_list())
