"""Ceph RGW: the rows of docs/stores/ceph-rgw.md."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import urllib3

from hooks.commands.processes import LOOPBACK, Process, answers, free_port
from tests.facts.fact import Facts
from tests.facts.wire import (
    SECRET,
    admin,
    allow,
    answers_to_probes,
    call,
    deleted_by_deleting,
    deleted_with_unfinished_upload,
    fresh,
    owner,
    policy,
    preflight_of_second_rule,
    tenant,
    through,
    write_that_makes_nothing,
)
from tests.servers.ceph_rgw import CephRefusal, CephRGWStore
from tests.servers.s3 import code_of
from tests.servers.tlsfront import tls_front

FACTS: Facts[CephRGWStore] = Facts("ceph-rgw")


def refusal(store: CephRGWStore, method: str, resource: str, **query: str) -> str:
    """The code that a call of the admin API ends with; "accepted" if it goes well."""
    try:
        store.call(method, resource, {key.replace("_", "-"): query[key] for key in query})
    except CephRefusal as error:
        return str(error)
    return "accepted"


@FACTS.known(
    "answers",
    "403 InvalidAccessKeyId, 403 SignatureDoesNotMatch, 404 NoSuchBucket, 403 AccessDenied, 200",
)
def _(store: CephRGWStore) -> str:
    return answers_to_probes(store, "acl")


@FACTS.known("any-region", "200")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"acl": ""}, region="eu-central-1"))


@FACTS.known("owner-in-acl", "the owner")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    told = call(store, mine, "GET", bucket, {"acl": ""}).text("ID")
    return "the owner" if told == mine[0] else told


@FACTS.known("suspended", "403 UserSuspended, with another secret 403 SignatureDoesNotMatch")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    store.call("POST", "user", {"uid": mine[0], "suspended": "true"})
    right = call(store, mine, "GET", bucket, {"acl": ""})
    wrong = call(store, (mine[0], SECRET + "-wrong"), "GET", bucket, {"acl": ""})
    return f"{right}, with another secret {wrong}"


@FACTS.known("user-twice", "UserAlreadyExists; another's key KeyExists, and no user is made")
def _(store: CephRGWStore) -> str:
    mine, other = tenant(store), fresh()
    same = {"uid": mine[0], "display_name": mine[0], "access_key": mine[0], "secret_key": SECRET}
    twice = refusal(store, "PUT", "user", **same)
    taken = refusal(store, "PUT", "user", **{**same, "uid": other})
    made = "no user is made" if store.user(other) is None else "the user is made"
    return f"{twice}; another's key {taken}, and {made}"


@FACTS.known("parameters-in-a-body", "501 NotImplemented")
def _(store: CephRGWStore) -> str:
    body = f"uid={fresh()}&display-name=x".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return str(call(store, admin(store), "PUT", "admin/user", body=body, headers=headers))


@FACTS.known("max-buckets", "-1 makes none: 403 AccessDenied; 0 makes any: 200")
def _(store: CephRGWStore) -> str:
    mine = tenant(store)
    told = {}
    for limit in ("-1", "0"):
        store.call("POST", "user", {"uid": mine[0], "max-buckets": limit})
        told[limit] = call(store, mine, "PUT", fresh())
    return f"-1 makes none: {told['-1']}; 0 makes any: {told['0']}"


@FACTS.known("unknown-access-key", "AccessDenied")
def _(store: CephRGWStore) -> str:
    return refusal(store, "GET", "user", access_key=fresh())


@FACTS.known("missing", "user NoSuchUser, bucket NoSuchBucket, link to a missing user NoSuchKey")
def _(store: CephRGWStore) -> str:
    _, bucket = owner(store)
    user = refusal(store, "GET", "user", uid=fresh())
    missing = refusal(store, "GET", "bucket", bucket=fresh())
    link = refusal(store, "PUT", "bucket", bucket=bucket, uid=fresh())
    return f"user {user}, bucket {missing}, link to a missing user {link}"


@FACTS.known("new-secret", "the old refused with 403 SignatureDoesNotMatch at once")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    store.set_secret(mine[0], SECRET + "-new")
    old = call(store, mine, "GET", bucket, {"acl": ""})
    return f"the old refused with {old} at once"


@FACTS.known("link-resets-acl", "ACL grants gone, policy kept")
def _(store: CephRGWStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    document = policy(allow(f"arn:aws:iam:::user/{mine[0]}", ["s3:*"], bucket))
    call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    with store.s3(*mine) as client:
        client.put_bucket_acl(Bucket=bucket, GrantRead=f"id={reader[0]}")
        before = len(client.get_bucket_acl(Bucket=bucket)["Grants"])
    store.change_owner(bucket, mine[0])
    with store.s3(*mine) as client:
        after = [
            grant
            for grant in client.get_bucket_acl(Bucket=bucket)["Grants"]
            if grant["Grantee"].get("ID") == reader[0]
        ]
    kept = call(store, mine, "GET", bucket, {"policy": ""}).status == 200
    grants = "kept" if after else "gone"
    return f"ACL grants {grants if before else 'never there'}, policy {'kept' if kept else 'gone'}"


@FACTS.known("objects-stay-the-writers", "the new owner AccessDenied, the former owner reads it")
def _(store: CephRGWStore) -> str:
    (mine, bucket), heir = owner(store), tenant(store)
    store.put(bucket, "old", b"x", as_user=mine)
    store.change_owner(bucket, heir[0])
    new, former = (store.get(bucket, "old", as_user=who) for who in (heir, mine))
    told = "reads it" if former == b"x" else str(former)
    return f"the new owner {new!s}, the former owner {told}"


@FACTS.known("quota-of-objects-alone", "403 QuotaExceeded for an object of one byte")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    quota = {"quota": "", "bucket": bucket, "uid": mine[0], "enabled": "true", "max-objects": "9"}
    store.call("PUT", "bucket", quota)
    answer = call(store, mine, "PUT", f"{bucket}/one", body=b"x")
    return f"{answer} for an object of one byte"


@FACTS.known("quota-counts-parts", "of 3 parts 1 is taken beside a limit of 2 objects")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    quota = {"quota": "", "bucket": bucket, "uid": mine[0], "enabled": "true"}
    store.call("PUT", "bucket", {**quota, "max-objects": "2", "max-size-kb": "-1"})
    with store.s3(*mine) as client:
        which = {"Bucket": bucket, "Key": "in-parts"}
        which["UploadId"] = client.create_multipart_upload(**which)["UploadId"]
        send = partial(client.upload_part, **which, Body=b"x")
        codes = [code_of(partial(send, PartNumber=number)) for number in (1, 2, 3)]
    taken = codes.count("")
    if set(codes) - {"", "QuotaExceeded"}:
        return f"{codes}"
    return f"of 3 parts {taken} is taken beside a limit of 2 objects"


@FACTS.known("tags-of-an-upload-in-parts", "with one request kept, in parts left out")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        client.put_object(Bucket=bucket, Key="at-once", Body=b"x", Tagging="kind=tmp")
        which = {"Bucket": bucket, "Key": "in-parts"}
        upload = client.create_multipart_upload(**which, Tagging="kind=tmp")["UploadId"]
        part = client.upload_part(**which, UploadId=upload, PartNumber=1, Body=b"x")
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        client.complete_multipart_upload(**which, UploadId=upload, MultipartUpload={"Parts": parts})
    told = {}
    for key in ("at-once", "in-parts"):
        tags = call(store, mine, "GET", f"{bucket}/{key}", {"tagging": ""})
        told[key] = "kept" if tags.text("Key") == "kind" else "left out"
    return f"with one request {told['at-once']}, in parts {told['in-parts']}"


@FACTS.known("block-of-public-acls", "before 200, under BlockPublicAcls 403 AccessDenied, then 200")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    told = [str(call(store, mine, "PUT", f"{bucket}/before", body=b"x"))]
    with store.s3(*mine) as client:
        block = {"BlockPublicAcls": True}
        client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
        told.append(str(call(store, mine, "PUT", f"{bucket}/under", body=b"x")))
        client.delete_public_access_block(Bucket=bucket)
    told.append(str(call(store, mine, "PUT", f"{bucket}/after", body=b"x")))
    return f"before {told[0]}, under BlockPublicAcls {told[1]}, then {told[2]}"


@FACTS.known("if-none-match", "one request 412 PreconditionFailed, in parts accepted")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "key", b"first", as_user=mine)
    headers = {"if-none-match": "*"}
    at_once = call(store, mine, "PUT", f"{bucket}/key", body=b"second", headers=headers)
    with store.s3(*mine) as client:
        which = {"Bucket": bucket, "Key": "key"}
        which["UploadId"] = client.create_multipart_upload(**which)["UploadId"]
        part = client.upload_part(**which, PartNumber=1, Body=b"third")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        done = partial(client.complete_multipart_upload, **which, MultipartUpload=parts)
        code = code_of(partial(done, IfNoneMatch="*"))
    if not code and store.get(bucket, "key", as_user=mine) != b"third":
        code = "left as it was"
    return f"one request {at_once}, in parts {code or 'accepted'}"


@FACTS.known("own-bucket-twice", "200")
def _(store: CephRGWStore) -> str:
    bucket = fresh()
    store.create_bucket(bucket)
    return str(call(store, admin(store), "PUT", bucket))


@FACTS.known("user-with-buckets", "BucketAlreadyExists")
def _(store: CephRGWStore) -> str:
    mine, _ = owner(store)
    return refusal(store, "DELETE", "user", uid=mine[0])


@FACTS.known("deleted-user-owns", "still the deleted user's, and had by who is made anew")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    store.delete_user(mine[0])
    left = store.bucket(bucket)["owner"]
    tenant(store, mine[0])
    again = call(store, mine, "GET", bucket, {"acl": ""})
    if left == mine[0] and again.status == 200:
        return "still the deleted user's, and had by who is made anew"
    return f"owner {left}, then {again}"


@FACTS.known("dollar-in-uid", "made as the user b of the tenant a")
def _(store: CephRGWStore) -> str:
    prefix, name = fresh(), fresh()
    uid = f"{prefix}${name}"
    made = store.call("PUT", "user", {"uid": uid, "display-name": uid})
    if (made.get("tenant"), made["user_id"]) == (prefix, name):
        return "made as the user b of the tenant a"
    return f"tenant {made.get('tenant')!r}, user {made['user_id']!r}"


@FACTS.known(
    "delete-of-a-setting-deletes",
    "accelerate 204, and the bucket is gone; encryption 204, and the bucket is gone",
)
def _(store: CephRGWStore) -> str:
    return deleted_by_deleting(store, "accelerate", "encryption")


@FACTS.known("lifecycle-size", "accepted, and left out")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    large = {"ObjectSizeGreaterThan": 1_000_000}
    rule = {"ID": "one", "Status": "Enabled", "Filter": large, "Expiration": {"Days": 1}}
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        if code:
            return f"refused with {code}"
        (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return f"accepted, and {'kept' if 'ObjectSizeGreaterThan' in str(kept) else 'left out'}"


@FACTS.known("retention-after-2106", "50 years kept, 100 years accepted and over at once")
def _(store: CephRGWStore) -> str:
    mine, bucket = tenant(store), fresh()
    with store.s3() as client:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    store.change_owner(bucket, mine[0])
    with store.s3(*mine) as client:

        def look(years: int) -> str:
            rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": years}}
            lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
            which = {"Bucket": bucket, "Key": "key"}
            which["VersionId"] = client.put_object(Body=b"body", **which)["VersionId"]
            kept = code_of(lambda: client.delete_object(**which)) != ""
            return f"{years} years {'kept' if kept else 'accepted and over at once'}"

        return f"{look(50)}, {look(100)}"


@FACTS.known("cors-first-origin", "PUT 403 AccessDenied, by a rule behind one for GET")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    return f"PUT {preflight_of_second_rule(store, mine, bucket)}, by a rule behind one for GET"


@FACTS.known("checksum-behind-the-body", "MissingContentLength")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    with TemporaryDirectory() as folder, tls_front(store.port, Path(folder)) as (url, ca):
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=store.region,
            aws_access_key_id=mine[0],
            aws_secret_access_key=mine[1],
            verify=str(ca),
        )
        with contextlib.closing(client):
            put = client.put_object
            return code_of(lambda: put(Bucket=bucket, Key="key", Body=b"body")) or "accepted"


@FACTS.known("unknown-principal", "204, and the user of that bare name 403 AccessDenied")
def _(store: CephRGWStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    document = policy(allow(f"arn:aws:iam::000000000000:user/{reader[0]}", ["s3:*"], bucket))
    put = call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    read = call(store, reader, "GET", bucket, {"list-type": "2"})
    return f"{put}, and the user of that bare name {read}"


@FACTS.known("policy-of-another-bucket", "204")
def _(store: CephRGWStore) -> str:
    (mine, bucket), (_, other) = owner(store), owner(store)
    document = policy(allow(f"arn:aws:iam:::user/{mine[0]}", ["s3:GetObject"], other))
    return str(call(store, mine, "PUT", bucket, {"policy": ""}, body=document))


@FACTS.known("deny-all-locks-all-out", "owner 403 AccessDenied, operator 403 AccessDenied")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    document = policy(allow("*", ["s3:*"], bucket, "Deny"))
    call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    told = [call(store, who, "GET", bucket, {"acl": ""}) for who in (mine, admin(store))]
    return f"owner {told[0]}, operator {told[1]}"


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: CephRGWStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    shared = allow(f"arn:aws:iam:::user/{reader[0]}", ["s3:GetObject", "s3:ListBucket"], bucket)
    call(store, mine, "PUT", bucket, {"policy": ""}, body=policy(shared))
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known("unfinished-upload", "deleted")
def _(store: CephRGWStore) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("versions-keep-a-bucket", "BucketNotEmpty")
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
        client.put_object(Bucket=bucket, Key="one", Body=b"x")
        client.delete_object(Bucket=bucket, Key="one")
        return code_of(lambda: client.delete_bucket(Bucket=bucket)) or "deleted"


@FACTS.known(
    "two-links-at-once",
    "one owner, in the list of another, too; unlinked there InvalidArgument, and done",
    heavy=True,
)
def _(store: CephRGWStore) -> str:
    users = [tenant(store)[0] for _ in range(4)]
    for _ in range(50):
        bucket = fresh()
        store.create_bucket(bucket)

        def link(user: str, bucket: str = bucket) -> str:
            return refusal(store, "PUT", "bucket", bucket=bucket, uid=user)

        with ThreadPoolExecutor(len(users)) as pool:
            list(pool.map(link, users))
        owner = store.bucket(bucket)["owner"]
        others = [user for user in users if user != owner and is_listed(store, bucket, user)]
        if others:
            unlinked = refusal(store, "POST", "bucket", bucket=bucket, uid=others[0])
            done = "not done" if is_listed(store, bucket, others[0]) else "done"
            same = store.bucket(bucket)["owner"] == owner and is_listed(store, bucket, owner)
            done = done if same else "taken from its owner"
            return f"one owner, in the list of another, too; unlinked there {unlinked}, and {done}"
    return "one owner, in its list alone"


def is_listed(store: CephRGWStore, bucket: str, user: str) -> bool:
    """Whether the gateway names the bucket among a user's."""
    return bucket in store.call("GET", "bucket", {"uid": user})


@contextmanager
def second_gateway(store: CephRGWStore) -> Iterator[CephRGWStore]:
    """Another gateway of the same cluster."""
    port = free_port()
    first = store.process.configuration
    configuration = first.with_name("second.conf")
    text = first.read_text(encoding="utf-8")
    configuration.write_text(text.replace(f":{store.port} ", f":{port} "), encoding="utf-8")
    command = [str(configuration) if part == str(first) else part for part in store.process.command]
    log = first.with_name("second.out")
    with Process(command, log=log, env=store.process.env, name="second") as process:
        process.wait_for(lambda: answers(port), timeout=60, what="it to answer")
        yield through(store, f"http://{LOOPBACK}:{port}")
        # In peace it takes seven seconds.
        process.kill()


@FACTS.known(
    "another-gateway",
    "new secret 200, old one 403 SignatureDoesNotMatch, suspended 403 UserSuspended, all at once",
    heavy=True,
)
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    with second_gateway(store) as other:
        # It keeps what it has read.
        call(other, mine, "GET", bucket, {"acl": ""})
        changed = mine[0], SECRET + "-new"
        store.set_secret(*changed)
        told = [call(other, who, "GET", bucket, {"acl": ""}) for who in (changed, mine)]
        store.call("POST", "user", {"uid": mine[0], "suspended": "true"})
        told.append(call(other, changed, "GET", bucket, {"acl": ""}))
    return f"new secret {told[0]}, old one {told[1]}, suspended {told[2]}, all at once"


@FACTS.known("probe-without-storage", "probe 200, object no answer", heavy=True)
def _(store: CephRGWStore) -> str:
    mine, bucket = owner(store)
    call(store, mine, "GET", bucket, {"acl": ""})
    storage = store.process.cluster[-1]
    storage.pause()
    try:
        probe = call(store, mine, "GET", bucket, {"acl": ""})
        return f"probe {probe}, object {call(store, mine, 'GET', f'{bucket}/one', seconds=2)}"
    except urllib3.exceptions.TimeoutError:
        return f"probe {probe}, object no answer"
    finally:
        storage.resume()
