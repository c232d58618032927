"""What only Ceph RGW does; the rest is in the conformance suite."""

from __future__ import annotations

import json
import logging

import pytest

from backends.base import Claim
from backends.errors import CredentialsRejected, Misconfigured, Unsupported
from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.commands.cephrgw import OPERATOR
from hooks.contract.outcome import Action
from tests.conformance.subject import RealSubject
from tests.conformance.traits import NOT_SUPPORTED, READY
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.s3 import code_of
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
DISABLED = ("Conflict", "UserDisabled")
ADMIN = ("Conflict", "AdminUser")


def _claim(name: str, secret: str = SECRET) -> Claim:
    return Claim(name, name, Sensitive(secret))


def test_a_tenant_can_make_no_bucket_beside_its_own(ceph: RealSubject, store: CephRGWStore) -> None:
    ceph.operator().sync(Secret.claiming("only-one", "only-one", SECRET))
    user = store.user("only-one")
    assert user is not None
    assert user.max_buckets == -1
    assert set(user.secrets) == {"only-one"}
    with store.s3("only-one", SECRET) as client:
        assert code_of(lambda: client.create_bucket(Bucket="another-one")) == "AccessDenied"


@pytest.mark.parametrize("secret_value", [SECRET, OTHER_SECRET], ids=["right", "wrong"])
def test_a_suspended_user_stays_so(
    ceph: RealSubject, store: CephRGWStore, secret_value: str
) -> None:
    name = f"suspended-{len(secret_value)}"
    operator = ceph.operator()
    secret = Secret.claiming(name, name, SECRET)
    operator.sync(secret)
    store.call("POST", "user", {"uid": name, "suspended": "1"})
    secret.set(access_secret=secret_value)
    operator.sync(secret)
    assert secret.state == DISABLED
    user = store.user(name)
    assert user is not None
    assert user.suspended
    assert user.secrets == {name: SECRET}
    store.call("POST", "user", {"uid": name, "suspended": "0"})
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize("mark", ["caps", "system", "admin"])
def test_every_kind_of_administrator_is_left_alone(
    ceph: RealSubject, store: CephRGWStore, mark: str
) -> None:
    name = f"kind-{mark}"
    store.create_user(name, OTHER_SECRET)
    if mark == "caps":
        store.process.admin("caps", "add", f"--uid={name}", "--caps=usage=read")
    else:
        store.process.admin("user", "modify", f"--uid={name}", f"--{mark}")
    secret = Secret.claiming(name, name, SECRET)
    ceph.operator().sync(secret)
    assert secret.state == ADMIN
    user = store.user(name)
    assert user is not None
    assert user.secrets == {name: OTHER_SECRET}
    assert store.owner(name) is None


@pytest.mark.parametrize("same", [True, False], ids=["right", "wrong"])
@pytest.mark.parametrize("owned", [True, False], ids=["with-bucket", "without"])
def test_the_access_key_of_a_user_of_another_name_is_refused_and_nothing_is_changed(
    ceph: RealSubject, store: CephRGWStore, same: bool, owned: bool
) -> None:
    name = f"foreign-{same}-{owned}".lower()
    uid = f"uid-of-{name}"
    query = {"uid": uid, "display-name": uid, "access-key": name, "secret-key": OTHER_SECRET}
    store.call("PUT", "user", query)
    if owned:
        store.create_bucket(name)
        store.change_owner(name, uid)
        with store.s3(name, OTHER_SECRET) as client:
            rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://app.example.com"]}
            client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    secret = Secret.claiming(name, name, OTHER_SECRET if same else SECRET)
    operator = ceph.operator()
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "a user of another name" in secret.annotations["message"]
    assert store.owner(name) == (uid if owned else None)
    if owned:
        with store.s3(name, OTHER_SECRET) as client:
            assert client.get_bucket_cors(Bucket=name)["CORSRules"]
    user = store.user(uid)
    assert user is not None
    assert user.secrets == {name: OTHER_SECRET}


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("a$b", "a tenant"),
        ("a:b", "a subuser"),
        ("anonymous", "without a signature"),
        ("a/b", "may have none of"),
        ("a,b", "may have none of"),
        ('a"b', "may have none of"),
        ("a b", "may have none of"),
        ("pässe", "only ASCII"),
    ],
)
def test_a_name_that_means_something_else_is_refused_before_anything_is_made(
    ceph: RealSubject, store: CephRGWStore, key: str, why: str
) -> None:
    before = store.names()
    backend = ceph.backend()
    claim = Claim("odd-name", key, Sensitive(SECRET))
    for repair in (backend.create_user, backend.update_user, backend.change_owner):
        with pytest.raises(Unsupported, match=why.replace("$", r"\$")):
            wait(repair(claim, Deadline(30)))
    assert store.names() == before


@pytest.mark.parametrize("exists", [True, False], ids=["of-a-user", "of-nobody"])
def test_a_secret_that_is_never_accepted_is_refused_and_never_taken_for_right(
    ceph: RealSubject, store: CephRGWStore, exists: bool
) -> None:
    name = f"odd-secret-{exists}".lower()
    operator = ceph.operator()
    secret = Secret.claiming(name, name, SECRET)
    if exists:
        operator.sync(secret)
    secret.set(access_secret="pässwörd-of-good-length")
    operator.sync(secret)
    assert secret.state == NOT_SUPPORTED
    assert "printable ASCII" in secret.annotations["message"]
    assert "pässwörd" not in secret.annotations["message"]
    assert (store.user(name) is not None) == exists
    assert ceph.accepts(name, SECRET) == exists


def test_an_owner_that_shuts_itself_out_is_ready(ceph: RealSubject, store: CephRGWStore) -> None:
    operator = ceph.operator()
    secret = Secret.claiming("shut-out", "shut-out", SECRET)
    operator.sync(secret)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::shut-out", "arn:aws:s3:::shut-out/*"],
    }
    with store.s3("shut-out", SECRET) as client:
        client.put_bucket_policy(
            Bucket="shut-out",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    result = operator.sync(secret)
    assert secret.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == ()


def test_a_bucket_that_is_half_made_is_nobodys_but_its_users(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    """As a kill between the bucket and its owner leaves it."""
    for user in ("half-one", "half-two"):
        store.create_user(user, SECRET)
    with store.s3() as client:
        client.create_bucket(Bucket="half-made", GrantReadACP='id="half-one"')
    strict = {"ADOPTION": "never"}
    other = Secret.claiming("half-made", "half-two", SECRET)
    ceph.operator(strict).sync(other)
    assert other.state == ("Conflict", "BucketOwned")
    mine = Secret.claiming("half-made", "half-one", SECRET)
    result = ceph.operator(strict).sync(mine)
    assert mine.state == READY
    assert result.outcome is not None
    assert result.outcome.actions == (Action.CHANGE_OWNER,)
    assert store.owner("half-made") == "half-one"


def test_a_half_made_bucket_can_be_taken_back(ceph: RealSubject, store: CephRGWStore) -> None:
    store.create_user("half-gone", SECRET)
    with store.s3() as client:
        client.create_bucket(Bucket="half-gone", GrantReadACP='id="half-gone"')
    backend = ceph.backend()
    assert not wait(backend.release("half-gone", "half-other", Deadline(30)))
    assert wait(backend.release("half-gone", "half-gone", Deadline(30)))
    found = wait(backend.find_bucket("half-gone", Deadline(30)))
    assert found is not None
    assert found.owners == {backend.administrator}


def test_sizes_are_rounded_up_to_what_the_gateway_can_store(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    backend = ceph.backend()
    wait(backend.create_user(_claim("rounded"), Deadline(30)))
    wait(backend.create_bucket(_claim("rounded"), Deadline(30)))
    claim = Claim("rounded", "rounded", Sensitive(SECRET), quota_bytes=10_001)
    assert wait(backend.set_quota(claim, Deadline(30)))
    quota = store.bucket("rounded")["bucket_quota"]
    assert (quota["enabled"], quota["max_size"], quota["max_objects"]) == (True, 10_240, -1)


def test_the_operators_user_needs_both_caps_and_leave_to_make_buckets(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    def operator_of(name: str, **fields: str) -> dict[str, str]:
        query = {"uid": name, "display-name": name, "access-key": name, "secret-key": SECRET}
        store.call("PUT", "user", {**query, **fields})
        return {"S3_ACCESS_KEY": name, "S3_SECRET_KEY": SECRET}

    def check(environ: dict[str, str]) -> None:
        backend = ceph.connect({**ceph.environ(), **environ}, lambda *_: None)
        wait(backend.check(Deadline(30)))

    with pytest.raises(CredentialsRejected, match=r"lacks the caps buckets=\*: "):
        check(operator_of("half-capable", **{"user-caps": "users=*;buckets=read"}))
    with pytest.raises(CredentialsRejected, match="not an administrator's"):
        check(operator_of("incapable"))
    caps = {"user-caps": "users=*;buckets=*"}
    with pytest.raises(Misconfigured, match="max-buckets"):
        check(operator_of("no-buckets", **caps, **{"max-buckets": "-1"}))
    check(operator_of("capable", **caps))
    limited = operator_of("limited", **caps, **{"max-buckets": "1"})
    operator = ceph.operator(limited)
    with store.s3("limited", SECRET) as client:
        client.create_bucket(Bucket="all-it-may-have")
    secret = Secret.claiming("limited-one", "limited-one", SECRET)
    operator.sync(secret)
    assert secret.state == ("Retrying", "OperatorMisconfigured")
    assert "max-buckets" in secret.annotations["message"]


def test_the_operators_own_user_is_neither_taken_nor_deleted(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    """Its name isn't its access key, so no setting reserves it."""
    secret = Secret.claiming("operators-own", OPERATOR, SECRET)
    ceph.operator().sync(secret)
    assert secret.state == ADMIN
    with pytest.raises(Unsupported):
        wait(ceph.backend().delete_user(OPERATOR, Deadline(30)))
    assert store.user(OPERATOR) is not None


def test_no_secret_gets_into_a_log_though_it_stands_in_an_url(
    ceph: RealSubject, caplog: pytest.LogCaptureFixture
) -> None:
    # botocore's own say what is signed, and are kept above this by the program itself.
    logging.getLogger("botocore").setLevel(logging.INFO)
    with caplog.at_level(logging.DEBUG):
        secret = Secret.claiming("unlogged", "unlogged", SECRET)
        operator = ceph.operator()
        operator.sync(secret)
        for fault in ("500", "reset", "garbage", "html-403"):
            ceph.proxy.faults.extend(["", fault])
            secret.set(access_secret=OTHER_SECRET if fault == "500" else f"{OTHER_SECRET}{fault}")
            operator.sync(secret)
            ceph.proxy.calm()
    said = caplog.text + str(secret.document["metadata"]) + operator.metrics.render().decode()
    assert SECRET not in said
    assert OTHER_SECRET not in said


@pytest.mark.parametrize("times", [2, 3])
def test_a_race_that_is_lost_is_run_again(ceph: RealSubject, times: int) -> None:
    name = f"lost-race-{times}"
    ceph.proxy.faults.extend(["", *["lost-race"] * times])
    secret = Secret.claiming(name, name, SECRET)
    operator = ceph.operator()
    operator.sync(secret)
    assert ceph.proxy.injected[-1] == "lost-race"
    ceph.proxy.calm()
    expected = READY if times == 2 else ("Retrying", "BackendError")
    assert secret.state == expected


@pytest.mark.parametrize("same", [True, False], ids=["same-secret", "another"])
def test_a_user_that_a_gateway_left_half_made_is_completed(
    ceph: RealSubject, store: CephRGWStore, same: bool
) -> None:
    """As it is when the gateway ends between its two writes; not if that takes somebody's user."""
    name = f"half-user-{same}".lower()
    store.create_user(name, SECRET if same else OTHER_SECRET)
    store.process.rados("--pool=default.rgw.meta", "--namespace=users.keys", "rm", name)
    # Or it would remember the key.
    store.restart()
    secret = Secret.claiming(name, name, SECRET)
    operator = ceph.operator()
    operator.sync(secret)
    assert secret.state == (READY if same else ("Retrying", "NotYetVisible"))
    user = store.user(name)
    assert user is not None
    assert user.secrets == {name: SECRET if same else OTHER_SECRET}


def test_an_unknown_part_of_a_bucket_is_taken_for_the_bucket(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    """Why the operator removes no setting that the gateway may not have."""
    who = ("whole-bucket", SECRET)
    ceph.operator().sync(Secret.claiming("whole-bucket", *who))
    wait(ceph.backend().wipe("whole-bucket", Deadline(30)))
    assert store.owner("whole-bucket") == "whole-bucket"
    with store.s3(*who) as client:
        client.delete_bucket_encryption(Bucket="whole-bucket")
    assert store.owner("whole-bucket") is None
