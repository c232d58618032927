"""VersityGW: the rows of docs/stores/versitygw.md."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

# Only to write XML; what the store answers is read with defusedxml.
from xml.etree.ElementTree import Element, SubElement, tostring

from hooks.commands.processes import LOOPBACK, free_port, versitygw
from tests.facts.fact import Facts
from tests.facts.wire import (
    SECRET,
    Answer,
    admin,
    allow,
    answers_to_probes,
    call,
    deleted_by_deleting,
    deleted_with_unfinished_upload,
    fresh,
    owner,
    policy,
    read_under_two_slashes,
    tenant,
    through,
    write_that_makes_nothing,
)
from tests.servers.s3 import Credentials, code_of
from tests.servers.store import Store, running_store

FACTS: Facts[Store] = Facts("versitygw")


def account(store: Store, name: str, *, secret: str = SECRET, role: str = "user") -> Answer:
    """create-user, as it is answered."""
    root = Element("Account")
    for tag, text in (("Access", name), ("Secret", secret), ("Role", role)):
        SubElement(root, tag).text = text
    return call(store, admin(store), "PATCH", "create-user", body=tostring(root))


def seen_owner(store: Store, by: Credentials, bucket: str) -> str:
    answer = call(store, by, "GET", bucket, {"acl": ""})
    return answer.text("ID") if answer.status == 200 else str(answer)


@FACTS.known(
    "answers",
    "403 InvalidAccessKeyId, 403 SignatureDoesNotMatch, 404 NoSuchBucket, 403 AccessDenied, 200",
)
def _(store: Store) -> str:
    return answers_to_probes(store, "acl")


@FACTS.known("owner-in-acl", "the owner, to the owner and to a reader whom its policy lets in")
def _(store: Store) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    shared = policy(allow(mine[0], ["s3:*"], bucket), allow(reader[0], ["s3:*"], bucket))
    call(store, mine, "PUT", bucket, {"policy": ""}, body=shared)
    told = {seen_owner(store, who, bucket) for who in (mine, reader)}
    if told == {mine[0]}:
        return "the owner, to the owner and to a reader whom its policy lets in"
    return ", ".join(sorted(told))


@FACTS.known("region", "400 AuthorizationHeaderMalformed")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"acl": ""}, region="eu-central-1"))


@FACTS.known("owner-change-drops-policy", "policy gone, CORS kept, tags kept")
def _(store: Store) -> str:
    (mine, bucket), heir = owner(store), tenant(store)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.org"]}
    with store.s3(*mine) as client:
        client.put_bucket_policy(
            Bucket=bucket, Policy=policy(allow(mine[0], ["s3:*"], bucket)).decode()
        )
        client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
        client.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]}
        )
    store.change_owner(bucket, heir[0])
    with store.s3(*heir) as client:
        left = {
            "policy": code_of(lambda: client.get_bucket_policy(Bucket=bucket)),
            "CORS": code_of(lambda: client.get_bucket_cors(Bucket=bucket)),
            "tags": code_of(lambda: client.get_bucket_tagging(Bucket=bucket)),
        }
    return ", ".join(f"{name} {'gone' if code else 'kept'}" for name, code in left.items())


@FACTS.known("same-owner-drops-policy", "404 NoSuchBucketPolicy")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    document = policy(allow(mine[0], ["s3:*"], bucket))
    call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    store.change_owner(bucket, mine[0])
    return str(call(store, mine, "GET", bucket, {"policy": ""}))


@FACTS.known("policy-locks-owner-out", "403 AccessDenied, then 200 with the owner set once more")
def _(store: Store) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    document = policy(allow(reader[0], ["s3:GetObject"], bucket))
    call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    before = call(store, mine, "GET", bucket, {"acl": ""})
    store.change_owner(bucket, mine[0])
    after = call(store, mine, "GET", bucket, {"acl": ""})
    return f"{before}, then {after} with the owner set once more"


@FACTS.known(
    "policy-principals", "bare name 204, ARN 400 MalformedPolicy, unknown 400 MalformedPolicy"
)
def _(store: Store) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    principals = {
        "bare name": reader[0],
        "ARN": f"arn:aws:iam:::user/{reader[0]}",
        "unknown": fresh(),
    }
    told = []
    for word, principal in principals.items():
        document = policy(allow(mine[0], ["s3:*"], bucket), allow(principal, ["s3:*"], bucket))
        told.append(f"{word} {call(store, mine, 'PUT', bucket, {'policy': ''}, body=document)}")
    return ", ".join(told)


@FACTS.known("user-twice", "409 XAdminUserExists")
def _(store: Store) -> str:
    return str(account(store, tenant(store)[0]))


@FACTS.known("unknown-role", "400 XAdminInvalidArgument")
def _(store: Store) -> str:
    return str(account(store, fresh(), role="owner"))


@FACTS.known("not-an-admin", "403 XAdminAccessDenied")
def _(store: Store) -> str:
    return str(call(store, tenant(store), "PATCH", "list-users"))


@FACTS.known("missing-user", "update 404 XAdminUserNotFound, delete 200")
def _(store: Store) -> str:
    body = tostring(Element("MutableProps"))
    query = {"access": fresh()}
    updated = call(store, admin(store), "PATCH", "update-user", query, body=body)
    return f"update {updated}, delete {call(store, admin(store), 'PATCH', 'delete-user', query)}"


@FACTS.known("odd-access-keys", "made 201, used 400 AuthorizationHeaderMalformed")
def _(store: Store) -> str:
    name = f"{fresh()}/x"
    made = account(store, name)
    return f"made {made}, used {call(store, (name, SECRET), 'GET', fresh(), {'acl': ''})}"


@FACTS.known("empty-secret", "made 201, used 403 SignatureDoesNotMatch")
def _(store: Store) -> str:
    name = fresh()
    made = account(store, name, secret="")
    return f"made {made}, used {call(store, (name, SECRET), 'GET', fresh(), {'acl': ''})}"


@FACTS.known("user-makes-no-bucket", "403 AccessDenied")
def _(store: Store) -> str:
    return str(call(store, tenant(store), "PUT", fresh()))


@FACTS.known("bucket-twice", "409 BucketAlreadyOwnedByYou, 409 BucketAlreadyExists")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    told = []
    for name in (mine[0], tenant(store)[0]):
        headers = {"x-vgw-owner": name}
        told.append(str(call(store, admin(store), "PATCH", f"{bucket}/create", headers=headers)))
    return ", ".join(told)


@FACTS.known("deleted-user-owns", "still the deleted user's, and had by who is made anew")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    store.delete_user(mine[0])
    left = store.owner(bucket)
    tenant(store, mine[0])
    again = call(store, mine, "GET", bucket, {"acl": ""})
    if left == mine[0] and again.status == 200:
        return "still the deleted user's, and had by who is made anew"
    return f"owner {left}, then {again}"


@FACTS.known("lifecycle", "501 NotImplemented")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"lifecycle": ""}))


@FACTS.known("versioning-needs-folder", "read 200, set 501 VersioningNotConfigured")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        enabled = {"Status": "Enabled"}
        code = code_of(
            lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
        )
    read = call(store, mine, "GET", bucket, {"versioning": ""})
    return f"read {read}, set 501 {code}"


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: Store) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    shared = policy(
        allow(mine[0], ["s3:*"], bucket),
        allow(reader[0], ["s3:GetObject", "s3:ListBucket"], bucket),
    )
    call(store, mine, "PUT", bucket, {"policy": ""}, body=shared)
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known("unfinished-upload", "deleted")
def _(store: Store) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("delete-of-a-setting-deletes", "accelerate 204, and the bucket is gone")
def _(store: Store) -> str:
    return deleted_by_deleting(store, "accelerate")


@FACTS.known("object-lock-with-owner", "the tenant's, with object lock")
def _(store: Store) -> str:
    mine, bucket = tenant(store), fresh()
    headers = {"x-vgw-owner": mine[0], "x-amz-bucket-object-lock-enabled": "true"}
    made = call(store, admin(store), "PATCH", f"{bucket}/create", headers=headers)
    lock = call(store, mine, "GET", bucket, {"object-lock": ""})
    if lock.text("ObjectLockEnabled") == "Enabled" and store.owner(bucket) == mine[0]:
        return "the tenant's, with object lock"
    return f"{made}, {lock}"


@FACTS.known("retention-is-the-buckets", "kept; over for all 30 days later, what is new too")
def _(store: Store) -> str:
    mine, bucket = tenant(store), fresh()
    with store.s3() as client:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    store.change_owner(bucket, mine[0])
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    with store.s3(*mine) as client:
        client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
        client.put_object(Bucket=bucket, Key="old", Body=b"body")
        kept = code_of(lambda: client.delete_object(Bucket=bucket, Key="old")) != ""
        # As if the retention had been set 31 days ago.
        folder = Path(store.process.command[-1]) / bucket
        stored = json.loads(os.getxattr(folder, "user.bucket-lock"))
        stored["CreatedAt"] = (datetime.now(UTC) - timedelta(days=31)).isoformat()
        os.setxattr(folder, "user.bucket-lock", json.dumps(stored).encode())
        client.put_object(Bucket=bucket, Key="new", Body=b"body")
        codes = {code_of(lambda: client.delete_object(Bucket=bucket, Key="new"))}
        codes.add(code_of(lambda: client.delete_object(Bucket=bucket, Key="old")))
    over = "over for all" if codes == {""} else f"{codes}"
    return f"{'kept' if kept else 'not kept'}; {over} 30 days later, what is new too"


@FACTS.known(
    "another-gateway", "new user 200, rotated secret 403 SignatureDoesNotMatch, the old one 200"
)
def _(store: Store) -> str:
    mine, bucket = owner(store)
    with second_gateway(store) as other:
        changed = mine[0], SECRET + "-new"
        told = [call(other, mine, "GET", bucket, {"acl": ""})]
        store.set_secret(*changed)
        told += [call(other, who, "GET", bucket, {"acl": ""}) for who in (changed, mine)]
    return f"new user {told[0]}, rotated secret {told[1]}, the old one {told[2]}"


@contextmanager
def second_gateway(store: Store) -> Iterator[Store]:
    """Another gateway of the same files and users."""
    port = free_port()
    with versitygw(
        Path(store.process.command[0]),
        Path(store.process.command[-1]).parent,
        port=port,
        access_key=store.access_key,
        secret_key=store.secret_key,
    ):
        yield through(store, f"http://{LOOPBACK}:{port}")


@FACTS.known(
    "single-account", "probe 404 XAdminUserNotFound, create-user 501 XAdminMethodNotSupported"
)
def _(store: Store) -> str:
    with TemporaryDirectory() as folder:
        program = Path(store.process.command[0])
        # Its last two arguments are where the users are kept otherwise.
        with running_store(program, Path(folder), extra_args=["--iam-dir", ""]) as single:
            probe = call(single, (fresh(), SECRET), "GET", fresh(), {"acl": ""})
            return f"probe {probe}, create-user {account(single, fresh())}"


@contextmanager
def started_with(store: Store, variable: str, value: str = "true") -> Iterator[Store]:
    """Another gateway with other files, and one of its switches on."""
    program = Path(store.process.command[0])
    with TemporaryDirectory() as folder, running_store(program, Path(folder), cache=True) as other:
        assert other.process.env is not None
        other.process.env[variable] = value
        other.restart()
        yield other


@FACTS.known("two-slashes", "folder//one is b'folder/one'")
def _(store: Store) -> str:
    return read_under_two_slashes(store)


@FACTS.known(
    "file-and-folder", "409 ObjectParentIsFile below it, 409 ExistingObjectIsDirectory above"
)
def _(store: Store) -> str:
    mine, bucket = owner(store)
    told = []
    for first, second in (("one", "one/below"), ("two/below", "two")):
        store.put(bucket, first, b"x", as_user=mine)
        told.append(str(call(store, mine, "PUT", f"{bucket}/{second}", body=b"x")))
    return f"{told[0]} below it, {told[1]} above"


@FACTS.known("list-of-uploads-ends-early", "400 InvalidArgument for the marker of its own answer")
def _(store: Store) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        for key in ("one", "three", "two"):
            client.create_multipart_upload(Bucket=bucket, Key=key)
    page = call(store, mine, "GET", bucket, {"uploads": "", "max-uploads": "2"})
    markers = {
        "key-marker": page.text("NextKeyMarker"),
        "upload-id-marker": page.text("NextUploadIdMarker"),
    }
    rest = call(store, mine, "GET", bucket, {"uploads": "", "max-uploads": "2", **markers})
    return f"{rest} for the marker of its own answer"


@FACTS.known("list-of-versions-repeats", "of 12 versions 5 a page, 14 are listed, 12 different")
def _(store: Store) -> str:
    with (
        TemporaryDirectory() as versions,
        started_with(store, "VGW_VERSIONING_DIR", versions) as keeping,
    ):
        mine, bucket = owner(keeping)
        listed = []
        with keeping.s3(*mine) as client:
            kept = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=kept)
            for number in range(12):
                client.put_object(Bucket=bucket, Key=f"{number:02}", Body=b"x")
            pages = client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": 5}):
                listed += [(version["Key"], version["VersionId"]) for version in page["Versions"]]
    return f"of 12 versions 5 a page, {len(listed)} are listed, {len(set(listed))} different"


@FACTS.known("folder-by-hand", "root's, and nobody's in the list; made once more 500 InternalError")
def _(store: Store) -> str:
    bucket = fresh()
    (Path(store.process.command[-1]) / bucket).mkdir()
    try:
        whose = "root's" if seen_owner(store, admin(store), bucket) == store.access_key else "none"
        listed = store.owner(bucket) or "nobody's"
        headers = {"x-vgw-owner": tenant(store)[0]}
        made = call(store, admin(store), "PATCH", f"{bucket}/create", headers=headers)
        return f"{whose}, and {listed} in the list; made once more {made}"
    finally:
        (Path(store.process.command[-1]) / bucket).rmdir()


@FACTS.known("no-metadata", "made 201, given 200, and root's all the same", heavy=True)
def _(store: Store) -> str:
    with started_with(store, "VGW_META_NONE") as other:
        mine, bucket = tenant(other), fresh()
        headers = {"x-vgw-owner": mine[0]}
        made = call(other, admin(other), "PATCH", f"{bucket}/create", headers=headers)
        query = {"bucket": bucket, "owner": mine[0]}
        given = call(other, admin(other), "PATCH", "change-bucket-owner/", query)
        whose = seen_owner(other, admin(other), bucket)
        root = "root's all the same" if whose == other.access_key else whose
        return f"made {made}, given {given}, and {root}"


@FACTS.known("read-only", "user 201, bucket 403 AccessDenied", heavy=True)
def _(store: Store) -> str:
    with started_with(store, "VGW_READ_ONLY") as other:
        name = fresh()
        user = account(other, name)
        headers = {"x-vgw-owner": name}
        bucket = call(other, admin(other), "PATCH", f"{fresh()}/create", headers=headers)
        return f"user {user}, bucket {bucket}"


@FACTS.known("health-path-hides-a-bucket", "made 201, then 200 to everybody", heavy=True)
def _(store: Store) -> str:
    with started_with(store, "VGW_HEALTH", "/healthz") as other:
        mine = tenant(other)
        headers = {"x-vgw-owner": mine[0]}
        made = call(other, admin(other), "PATCH", "healthz/create", headers=headers)
        told = {str(call(other, (fresh(), SECRET), "GET", "healthz", {"acl": ""})), "200"}
        return f"made {made}, then {', '.join(sorted(told))} to everybody"


@FACTS.known("two-gateways-lose-users", "80 times 201, and fewer users", heavy=True)
def _(store: Store) -> str:
    with started_with(store, "VGW_IAM_CACHE_DISABLE") as one, second_gateway(one) as other:
        asked = [(gateway, fresh()) for _ in range(40) for gateway in (one, other)]
        with ThreadPoolExecutor(8) as pool:
            told = Counter(str(answer) for answer in pool.map(lambda made: account(*made), asked))
        made = ", ".join(f"{count} times {answer}" for answer, count in told.items())
        return f"{made}, and {'fewer' if len(one.users()) < len(asked) else 'all'} users"
