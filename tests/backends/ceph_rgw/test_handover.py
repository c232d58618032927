"""A bucket that changes hands on Ceph RGW: who reads what is in it, and who doesn't any more.

An object stays its writer's there, whoever owns the bucket: that is what all of this is about.
"""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import pytest

from backends.base import Claim
from backends.ceph_rgw.policy import FORMER_SID
from backends.wire.deadline import Deadline
from backends.wire.policydocument import OWNER_SID
from backends.wire.sensitive import Sensitive
from tests.conformance.subject import Killed, RealSubject
from tests.conformance.traits import OWNED, READY
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.s3 import Credentials, code_of
from tests.support import Secret, wait

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"


def _filled(store: CephRGWStore, bucket: str, owner: str) -> Credentials:
    """A bucket with an object of each kind, and its owner."""
    who = (owner, OTHER_SECRET)
    store.create_user(*who)
    store.create_bucket(bucket)
    store.change_owner(bucket, owner)
    with store.s3(*who) as client:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        client.put_object(Bucket=bucket, Key="plain", Body=b"first")
        client.put_object(Bucket=bucket, Key="plain", Body=b"second")
        client.put_object(Bucket=bucket, Key="public", Body=b"public", ACL="public-read")
        of_it: dict[str, Any] = {"Bucket": bucket, "Key": "parts"}
        of_it["UploadId"] = client.create_multipart_upload(**of_it)["UploadId"]
        tag = client.upload_part(**of_it, PartNumber=1, Body=b"in parts")["ETag"]
        client.complete_multipart_upload(
            **of_it, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}
        )
    return who


def _read(store: CephRGWStore, bucket: str, who: Credentials) -> set[bytes]:
    """Every version of every object, as this user lists and reads them."""
    with store.s3(*who) as client:
        return {
            client.get_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])[
                "Body"
            ].read()
            for found in client.list_object_versions(Bucket=bucket)["Versions"]
        }


ALL = {b"first", b"second", b"public", b"in parts"}


def _refusals(store: CephRGWStore, bucket: str, who: Credentials) -> set[str]:
    """What a former owner gets for all that it might try on the bucket and its own objects."""
    with store.s3(*who) as client:
        at: dict[str, Any] = {"Bucket": bucket, "Key": "plain"}
        return {
            code_of(lambda: client.get_object(**at)),
            code_of(lambda: client.get_object(Bucket=bucket, Key="public")),
            code_of(lambda: client.get_object_acl(**at)),
            code_of(lambda: client.put_object_acl(**at, ACL="public-read")),
            code_of(lambda: client.get_object_tagging(**at)),
            code_of(lambda: client.delete_object(**at)),
            code_of(lambda: client.put_object(**at, Body=b"")),
            code_of(lambda: client.list_objects_v2(Bucket=bucket)),
            code_of(lambda: client.get_bucket_policy(Bucket=bucket)),
            code_of(lambda: client.delete_bucket_policy(Bucket=bucket)),
            code_of(lambda: client.get_bucket_acl(Bucket=bucket)),
        }


def test_the_gateway_alone_leaves_objects_to_who_wrote_them(store: CephRGWStore) -> None:
    """The fact that the operator's statements are for."""
    former = _filled(store, "plain-link", "plain-link-former")
    store.create_user("plain-link-new", SECRET)
    store.change_owner("plain-link", "plain-link-new")
    assert store.get("plain-link", "plain", as_user=("plain-link-new", SECRET)) == "AccessDenied"
    assert store.get("plain-link", "plain", as_user=former) == b"second"


def test_the_new_owner_reads_everything_and_the_former_nothing(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    former = _filled(store, "taken", "taken-former")
    secret = Secret.claiming("taken", "taken-new", SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert _read(store, "taken", ("taken-new", SECRET)) == ALL
    assert _refusals(store, "taken", former) == {"AccessDenied"}
    statements = (store.policy("taken") or {})["Statement"]
    assert [statement["Sid"] for statement in statements] == [OWNER_SID, FORMER_SID]


@pytest.mark.parametrize("key", ["team@example.com", "a+b~c_d.e-f", "K" * 128])
def test_owners_of_odd_names_are_let_in_and_kept_out_too(
    ceph: RealSubject, store: CephRGWStore, key: str
) -> None:
    bucket = f"odd-names-{len(key)}"
    _filled(store, bucket, f"{key}-former")
    secret = Secret.claiming(bucket, key, SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert _read(store, bucket, (key, SECRET)) == ALL
    assert _refusals(store, bucket, (f"{key}-former", OTHER_SECRET)) == {"AccessDenied"}


def test_all_former_owners_stay_out_and_one_that_comes_back_comes_in(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    first = _filled(store, "chain", "chain-1")
    operator = ceph.operator()
    secret = Secret.claiming("chain", "chain-2", SECRET)
    operator.sync(secret)
    store.put("chain", "second-ones", b"x", as_user=("chain-2", SECRET))
    secret.set(access_key="chain-3")
    operator.sync(secret)
    assert secret.state == READY
    assert _read(store, "chain", ("chain-3", SECRET)) == {*ALL, b"x"}
    for former in (first, ("chain-2", SECRET)):
        assert _refusals(store, "chain", former) == {"AccessDenied"}
    secret.set(access_key="chain-2")
    operator.sync(secret)
    assert secret.state == READY
    assert _read(store, "chain", ("chain-2", SECRET)) == {*ALL, b"x"}
    for former in (first, ("chain-3", SECRET)):
        assert _refusals(store, "chain", former) == {"AccessDenied"}


def test_what_a_deleted_user_has_written_is_not_its_successors(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    backend = ceph.backend()
    former = _filled(store, "kept", "kept-former")
    assert wait(backend.delete_user("kept-former", Deadline(30)))
    assert store.owner("kept") == store.access_key
    assert _read(store, "kept", (store.access_key, store.secret_key)) == ALL
    store.create_user(*former)
    assert _refusals(store, "kept", former) == {"AccessDenied"}
    secret = Secret.claiming("kept", "kept-former", OTHER_SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert _read(store, "kept", former) == ALL


def test_an_owner_that_is_gone_is_kept_out_too(ceph: RealSubject, store: CephRGWStore) -> None:
    former = _filled(store, "owner-gone", "owner-gone-former")
    store.delete_user(former[0])
    secret = Secret.claiming("owner-gone", "owner-gone-new", SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert _read(store, "owner-gone", ("owner-gone-new", SECRET)) == ALL
    store.create_user(*former)
    assert _refusals(store, "owner-gone", former) == {"AccessDenied"}


def test_a_suspended_owners_bucket_stays_where_it_is(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    """The gateway suspends it too, for whoever it is given to."""
    former = _filled(store, "owner-off", "owner-off-former")
    store.call("POST", "user", {"uid": former[0], "suspended": "1"})
    secret = Secret.claiming("owner-off", "owner-off-new", SECRET)
    operator = ceph.operator()
    operator.sync(secret)
    assert secret.state == OWNED
    assert "suspended" in secret.annotations["message"]
    assert store.owner("owner-off") == former[0]
    # Nothing half-made stays.
    assert store.user("owner-off-new") is None
    store.call("POST", "user", {"uid": former[0], "suspended": "0"})
    operator.sync(secret)
    assert secret.state == READY
    assert _read(store, "owner-off", ("owner-off-new", SECRET)) == ALL
    assert _refusals(store, "owner-off", former) == {"AccessDenied"}


def test_an_owner_has_its_own_policy_beside_the_operators_statements(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    operator = ceph.operator()
    secret = Secret.claiming("own-policy", "own-policy-1", SECRET)
    operator.sync(secret)
    store.put("own-policy", "key", b"body", as_user=("own-policy-1", SECRET))
    statement = {
        "Sid": "Mine",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::own-policy/public/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with store.s3("own-policy-1", SECRET) as client:
        client.put_bucket_policy(Bucket="own-policy", Policy=policy)
    secret.set(access_key="own-policy-2")
    operator.sync(secret)
    assert secret.state == READY
    statements = (store.policy("own-policy") or {})["Statement"]
    assert [found["Sid"] for found in statements] == ["Mine", OWNER_SID, FORMER_SID]


def test_an_empty_bucket_changes_hands_without_a_policy(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    store.create_user("empty-former", OTHER_SECRET)
    store.create_bucket("empty-one")
    store.change_owner("empty-one", "empty-former")
    secret = Secret.claiming("empty-one", "empty-new", SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert store.policy("empty-one") is None


def test_what_lets_an_owner_in_goes_with_it_though_the_bucket_is_empty(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    operator = ceph.operator()
    secret = Secret.claiming("emptied", "emptied-1", SECRET)
    operator.sync(secret)
    store.put("emptied", "key", b"body", as_user=("emptied-1", SECRET))
    secret.set(access_key="emptied-2")
    operator.sync(secret)
    with store.s3("emptied-2", SECRET) as client:
        client.delete_object(Bucket="emptied", Key="key")
    secret.set(access_key="emptied-3")
    operator.sync(secret)
    assert secret.state == READY
    store.put("emptied", "new", b"body", as_user=("emptied-3", SECRET))
    for former in ("emptied-1", "emptied-2"):
        assert store.get("emptied", "new", as_user=(former, SECRET)) == "AccessDenied"


def test_statements_that_a_tenant_forges_give_nobody_anything(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    former = _filled(store, "forged", "forged-former")
    store.create_user("forged-friend", OTHER_SECRET)
    whole = {"Action": "s3:*", "Resource": ["arn:aws:s3:::forged", "arn:aws:s3:::forged/*"]}
    friends = {"AWS": ["arn:aws:iam:::user/forged-friend", "arn:aws:iam:::user/forged-former"]}
    kept_out = {"AWS": ["arn:aws:iam:::user/forged-new", f"arn:aws:iam:::user/{'x' * 9}"]}
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": OWNER_SID, "Effect": "Allow", "Principal": friends, **whole},
            {"Sid": FORMER_SID, "Effect": "Deny", "Principal": kept_out, **whole},
            {"Sid": FORMER_SID, "Effect": "Allow", "Principal": "*", **whole},
        ],
    }
    with store.s3(*former) as client:
        client.put_bucket_policy(Bucket="forged", Policy=json.dumps(policy))
    secret = Secret.claiming("forged", "forged-new", SECRET)
    ceph.operator().sync(secret)
    assert secret.state == READY
    assert _read(store, "forged", ("forged-new", SECRET)) == ALL
    assert _refusals(store, "forged", former) == {"AccessDenied"}
    friend = store.get("forged", "plain", as_user=("forged-friend", OTHER_SECRET))
    assert friend == "AccessDenied"


def test_a_policy_that_keeps_everybody_out_keeps_the_bucket_where_it_is(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    former = _filled(store, "locked", "locked-former")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::locked", "arn:aws:s3:::locked/*"],
    }
    with store.s3(*former) as client:
        client.put_bucket_policy(
            Bucket="locked",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
    secret = Secret.claiming("locked", "locked-new", SECRET)
    operator = ceph.operator()
    for _ in range(2):
        operator.sync(secret)
        assert secret.state == OWNED
        assert "policy" in secret.annotations["message"]
    assert store.owner("locked") == "locked-former"


def test_an_administrator_can_make_it_last_without_the_statements(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    former = _filled(store, "lasting", "lasting-former")
    secret = Secret.claiming("lasting", "lasting-new", SECRET)
    operator = ceph.operator()
    operator.sync(secret)
    store.process.admin("bucket", "chown", "--bucket=lasting", "--uid=lasting-new")
    with store.s3("lasting-new", SECRET) as client:
        client.delete_bucket_policy(Bucket="lasting")
    assert _read(store, "lasting", ("lasting-new", SECRET)) == ALL
    assert store.get("lasting", "plain", as_user=former) == "AccessDenied"
    operator.sync(secret)
    assert secret.state == READY


@pytest.mark.parametrize("adoption", ["any", "never"])
def test_a_kill_between_any_two_writes_leaves_nobody_in_who_was_out(
    ceph: RealSubject, store: CephRGWStore, adoption: str
) -> None:
    """Taken from another user, or by the Secret's own new one."""
    killed = 0
    for writes in itertools.count(1):
        bucket = f"killed-{adoption}-{writes}"
        new, former = (f"{bucket}-new", SECRET), (f"{bucket}-old", OTHER_SECRET)
        secret = Secret.claiming(bucket, *former)
        if adoption == "any":
            store.create_user(*former)
            store.create_bucket(bucket)
            store.change_owner(bucket, former[0])
        else:
            ceph.operator().sync(secret)
        store.put(bucket, "key", b"body", as_user=former)
        if adoption == "any":
            secret = Secret.claiming(bucket, *new)
        else:
            secret.set(access_key=new[0], access_secret=SECRET)
        try:
            ceph.operator({"ADOPTION": adoption}, writes=writes).sync(secret)
        except Killed:
            killed += 1
        else:
            break
        ceph.operator({"ADOPTION": adoption}).sync(secret)
        assert secret.state == READY, writes
        assert store.get(bucket, "key", as_user=new) == b"body", writes
        assert store.get(bucket, "key", as_user=former) == "AccessDenied", writes
    assert killed >= 3


def test_two_that_make_one_bucket_at_once_get_it_once(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    for round_ in range(5):
        bucket = f"race-{round_}"
        users = [f"{bucket}-{number}" for number in range(2)]
        for user in users:
            store.create_user(user, SECRET)
        made: dict[str, bool] = {}

        def make(user: str, bucket: str = bucket, made: dict[str, bool] = made) -> None:
            claim = Claim(bucket, user, Sensitive(SECRET))
            made[user] = wait(ceph.backend().create_bucket(claim, Deadline(30)))

        threads = [threading.Thread(target=make, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(made.values()) == [False, True]
        assert made[store.owner(bucket) or ""]


def _list_for_both(store: CephRGWStore, bucket: str, former: str, owner: str) -> None:
    """As two links of a bucket at the same moment leave it, of which one came last."""
    pool = ("--pool=default.rgw.meta", "--namespace=users.uid")
    entry = str(store.process.configuration.with_name(f"{bucket}.entry"))
    store.process.rados(*pool, "getomapval", f"{former}.buckets", bucket, entry)
    store.change_owner(bucket, owner)
    store.process.rados(*pool, "setomapval", f"{former}.buckets", bucket, "--input-file", entry)
    for user in (former, owner):
        assert bucket in store.call("GET", "bucket", {"uid": user})


def test_a_user_goes_and_the_bucket_that_its_list_still_names_stays_another_s(
    ceph: RealSubject, store: CephRGWStore
) -> None:
    for user in ("listed", "lists"):
        store.create_user(user, SECRET)
    store.create_bucket("in-two-lists")
    store.change_owner("in-two-lists", "lists")
    _list_for_both(store, "in-two-lists", "lists", "listed")
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.org"]}
    with store.s3("listed", SECRET) as client:
        client.put_bucket_cors(Bucket="in-two-lists", CORSConfiguration={"CORSRules": [rule]})
    assert wait(ceph.backend().delete_user("lists", Deadline(20)))
    assert store.user("lists") is None
    assert store.owner("in-two-lists") == "listed"
    with store.s3("listed", SECRET) as client:
        assert client.get_bucket_cors(Bucket="in-two-lists")["CORSRules"] == [rule]
    assert store.call("GET", "bucket", {"uid": "listed"}) == ["in-two-lists"]
