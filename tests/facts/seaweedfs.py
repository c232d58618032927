"""SeaweedFS: the rows of docs/stores/seaweedfs.md."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.facts.fact import Facts
from tests.facts.wire import (
    SECRET,
    admin,
    allow,
    answers_to_probes,
    call,
    deleted_with_unfinished_upload,
    fresh,
    owner,
    policy,
    preflight_of_second_rule,
    read_under_two_slashes,
    tenant,
    through,
    write_that_makes_nothing,
)
from tests.servers.s3 import code_of
from tests.servers.seaweedfs import POLICY, IamRefusal, SeaweedStore

FACTS: Facts[SeaweedStore] = Facts("seaweedfs")


def refusal(store: SeaweedStore, action: str, **fields: str) -> str:
    """The code that an IAM action ends with; "accepted" if it goes well."""
    try:
        store.iam(action, **fields)
    except IamRefusal as error:
        return str(error)
    return "accepted"


@FACTS.known(
    "answers",
    "403 InvalidAccessKeyId, 403 SignatureDoesNotMatch, 403 AccessDenied, 403 AccessDenied, 200",
)
def _(store: SeaweedStore) -> str:
    return answers_to_probes(store, "acl")


@FACTS.known("missing-bucket-with-policy", "404 NoSuchBucket")
def _(store: SeaweedStore) -> str:
    mine, bucket = tenant(store), fresh()
    store.allow(mine[0], POLICY + bucket, [bucket, f"{bucket}/*"])
    return str(call(store, mine, "GET", bucket, {"acl": ""}))


@FACTS.known("any-region", "200")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"acl": ""}, region="eu-central-1"))


@FACTS.known("creator-in-acl", "the creator, to the user whose policy it is")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    told = call(store, mine, "GET", bucket, {"acl": ""}).text("ID")
    return f"{'the user' if told == mine[0] else 'the creator'}, to the user whose policy it is"


@FACTS.known("change-of-a-secret", "accepted, and the old secret stays")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    told = refusal(
        store,
        "UpdateAccessKey",
        UserName=mine[0],
        AccessKeyId=mine[0],
        SecretAccessKey=SECRET + "-new",
        Status="Active",
    )
    kept = call(store, mine, "GET", bucket, {"acl": ""}).status == 200
    return f"{told}, and the old secret {'stays' if kept else 'is replaced'}"


@FACTS.known("user-twice", "EntityAlreadyExists, its access key EntityAlreadyExists")
def _(store: SeaweedStore) -> str:
    mine, other = tenant(store), tenant(store)
    user = refusal(store, "CreateUser", UserName=mine[0])
    wanted = {"UserName": other[0], "AccessKeyId": mine[0], "SecretAccessKey": SECRET}
    return f"{user}, its access key {refusal(store, 'CreateAccessKey', **wanted)}"


@FACTS.known(
    "key-format",
    "3 characters InvalidInput, 4 accepted, a hyphen InvalidInput, a secret of 7 InvalidInput",
)
def _(store: SeaweedStore) -> str:
    user = fresh()
    store.iam("CreateUser", UserName=user)

    def made(key: str, secret: str = SECRET) -> str:
        return refusal(
            store, "CreateAccessKey", UserName=user, AccessKeyId=key, SecretAccessKey=secret
        )

    return (
        f"3 characters {made('abc')}, 4 {made('k' + user[-3:])}, "
        f"a hyphen {made('with-hyphen')}, a secret of 7 {made(fresh(), '1234567')}"
    )


@FACTS.known("user-with-keys", "DeleteConflict")
def _(store: SeaweedStore) -> str:
    return refusal(store, "DeleteUser", UserName=tenant(store)[0])


@FACTS.known("deleted-user-s-policies", "gone, and not back with the name: 403 AccessDenied")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    store.delete_user(mine[0])
    left = "still there" if store.policies().get(mine[0]) else "gone"
    tenant(store, mine[0])
    return f"{left}, and not back with the name: {call(store, mine, 'GET', bucket, {'acl': ''})}"


@FACTS.known("missing", "user NoSuchEntity, access key accepted, policy NoSuchEntity")
def _(store: SeaweedStore) -> str:
    mine = tenant(store)
    user = refusal(store, "GetUser", UserName=fresh())
    key = refusal(store, "DeleteAccessKey", UserName=mine[0], AccessKeyId=fresh())
    rule = refusal(store, "GetUserPolicy", UserName=mine[0], PolicyName="none")
    return f"user {user}, access key {key}, policy {rule}"


@FACTS.known("no-deny", "MalformedPolicyDocument")
def _(store: SeaweedStore) -> str:
    statement = {"Effect": "Deny", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::any"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    fields = {"UserName": tenant(store)[0], "PolicyName": "deny", "PolicyDocument": document}
    return refusal(store, "PutUserPolicy", **fields)


@FACTS.known("inactive-key", "403 InvalidAccessKeyId, shown as Inactive")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    store.iam("UpdateAccessKey", UserName=mine[0], AccessKeyId=mine[0], Status="Inactive")
    shown = store.iam("ListAccessKeys", UserName=mine[0]).findtext(".//{*}Status")
    return f"{call(store, mine, 'GET', bucket, {'acl': ''})}, shown as {shown}"


@FACTS.known("key-of-its-own", "200")
def _(store: SeaweedStore) -> str:
    mine, _ = owner(store)
    body = b"Action=CreateAccessKey&Version=2010-05-08"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return str(call(store, mine, "POST", "", body=body, headers=headers, service="iam"))


@FACTS.known("quota", "204, set by the bucket's own user")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    put = call(store, mine, "PUT", bucket, {"seaweedfs-quota": ""}, body=b'{"quota_mb": 1}')
    return f"{put}, set by the bucket's own user"


@FACTS.known("bucket-not-empty", "409 BucketNotEmpty")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "one", b"x", as_user=mine)
    return str(call(store, mine, "DELETE", bucket))


@FACTS.known("unfinished-upload", "deleted")
def _(store: SeaweedStore) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("cors-first-origin", "PUT 200 for no method, by a rule behind one for GET")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    answer = preflight_of_second_rule(store, mine, bucket)
    methods = answer.headers.get("Access-Control-Allow-Methods")
    return f"PUT {answer.status} for {methods or 'no method'}, by a rule behind one for GET"


@FACTS.known("lifecycle-no-days", "accepted, and stored")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 0}}
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        if code:
            return f"refused with {code}"
        code = code_of(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket))
    return f"accepted, and {code or 'stored'}"


@FACTS.known(
    "default-encryption", "accepted; then 500 InternalError for each object, until it is taken off"
)
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    store.put(bucket, "before", b"x", as_user=mine)
    with store.s3(*mine) as client:
        put = client.put_bucket_encryption
        wanted = {"Rules": [rule]}
        code = code_of(lambda: put(Bucket=bucket, ServerSideEncryptionConfiguration=wanted))
        told = f"refused with {code}" if code else "accepted"
        answer = call(store, mine, "PUT", f"{bucket}/under", body=b"x")
        client.delete_bucket_encryption(Bucket=bucket)
        again = store.put(bucket, "after", b"x", as_user=mine)
    return f"{told}; then {answer} for each object, until it is {again or 'taken off'}"


@FACTS.known("two-slashes", "folder//one is b'folder/one'")
def _(store: SeaweedStore) -> str:
    # What this waits for is what the first object of all would wait for.
    mine, bucket = owner(store)
    store.put(bucket, "first", b"x", as_user=mine)
    return read_under_two_slashes(store)


@FACTS.known("deny-all-locks-all-out", "owner 403 AccessDenied, administrator 403 AccessDenied")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    document = policy({**allow("*", ["s3:*"], bucket, "Deny"), "Principal": "*"})
    put = call(store, mine, "PUT", bucket, {"policy": ""}, body=document)
    if put.status >= 300:
        return f"refused: {put}"
    told = [call(store, who, "GET", bucket, {"acl": ""}) for who in (mine, admin(store))]
    return f"owner {told[0]}, administrator {told[1]}"


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: SeaweedStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    fields = {"UserName": reader[0], "PolicyName": "reader", "PolicyDocument": document}
    store.iam("PutUserPolicy", **fields)
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known("versioning", "200, and a deleted object keeps the bucket: BucketNotEmpty")
def _(store: SeaweedStore) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
        store.put(bucket, "one", b"x", as_user=mine)
        client.delete_object(Bucket=bucket, Key="one")
        code = code_of(lambda: client.delete_bucket(Bucket=bucket)) or "deleted"
    return f"200, and a deleted object keeps the bucket: {code}"


@FACTS.known("read-only-by-default", "AccessDenied", heavy=True)
def _(store: SeaweedStore) -> str:
    with TemporaryDirectory() as folder:
        program = Path(store.process.command[0])
        # The last of two flags of one name is the one that counts.
        other = SeaweedStore(program, Path(folder), extra_args=["-s3.iam.readOnly=true"])
        try:
            return refusal(other, "CreateUser", UserName=fresh())
        finally:
            other.stop()


@FACTS.known(
    "buckets-use-volumes-up",
    "2 buckets take objects, the third InternalError, its probe 200",
    heavy=True,
)
def _(store: SeaweedStore) -> str:
    with TemporaryDirectory() as folder:
        program = Path(store.process.command[0])
        # Both as they are unless somebody sets them.
        other = SeaweedStore(program, Path(folder), extra_args=["-volume.max=8"])
        try:
            assert other.process.env is not None
            del other.process.env["WEED_MASTER_VOLUME_GROWTH_COPY_1"]
            other.restart()
            for taken in range(10):
                mine, bucket = owner(other)
                if code := other.put(bucket, "one", b"x", as_user=mine):
                    probe = call(other, mine, "GET", bucket, {"acl": ""})
                    third = "third" if taken == 2 else "next"
                    return f"{taken} buckets take objects, the {third} {code}, its probe {probe}"
            return "all take objects"
        finally:
            other.stop()


@FACTS.known("another-gateway", "200 within 2 s", heavy=True)
def _(store: SeaweedStore) -> str:
    with store.gateway() as url:
        mine, bucket = owner(store)
        other = through(store, url)
        for _ in range(20):
            answer = call(other, mine, "GET", bucket, {"acl": ""})
            if answer.status == 200:
                return "200 within 2 s"
            time.sleep(0.1)
        return f"{answer} after 2 s"
