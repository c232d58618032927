"""RustFS: the rows of docs/stores/rustfs.md."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    tenant,
    write_that_makes_nothing,
)
from tests.servers.rustfs import POLICY, RustFSStore, refused

FACTS: Facts[RustFSStore] = Facts("rustfs")
_ADMIN = "rustfs/admin/v3"
_LOCATION = {"location": ""}


@FACTS.known(
    "answers",
    "403 InvalidAccessKeyId, 403 SignatureDoesNotMatch, 403 AccessDenied, 403 AccessDenied, 200",
)
def _(store: RustFSStore) -> str:
    return answers_to_probes(store, "location")


@FACTS.known("missing-bucket-with-policy", "404 NoSuchBucket")
def _(store: RustFSStore) -> str:
    mine, bucket = tenant(store), fresh()
    store.give(POLICY + bucket, ["s3:*"], [bucket, f"{bucket}/*"], mine[0])
    return str(call(store, mine, "GET", bucket, _LOCATION))


@FACTS.known("any-region", "200")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, _LOCATION, region="eu-central-1"))


@FACTS.known("owner-is-a-constant", "the same owner for root's bucket and for a user's")
def _(store: RustFSStore) -> str:
    (mine, bucket), made = owner(store), fresh()
    store.give("may-make", ["s3:*"], [made, f"{made}/*"], mine[0])
    call(store, mine, "PUT", made)
    told = {
        call(store, admin(store), "GET", name, {"acl": ""}).text("ID") for name in (bucket, made)
    }
    return (
        f"{'the same owner' if len(told) == 1 else 'two owners'} for root's bucket and for a user's"
    )


@FACTS.known("minios-clients", "200 whose body is no JSON, and begins with bytes of its own")
def _(store: RustFSStore) -> str:
    """The format that the MinIO client can't read: an id of 2 after the salt."""
    answer = call(store, admin(store), "GET", "minio/admin/v3/list-users")
    try:
        json.loads(answer.body)
    except ValueError:
        return f"{answer} whose body is no JSON, and begins with bytes of its own"
    return f"{answer} whose body is JSON"


@FACTS.known("secrets-in-clear", "200")
def _(store: RustFSStore) -> str:
    body = json.dumps({"secretKey": SECRET, "status": "enabled"}).encode()
    query = {"accessKey": fresh()}
    return str(call(store, admin(store), "PUT", f"{_ADMIN}/add-user", query, body=body))


@FACTS.known("user-add-replaces", "200 with the new secret, 403 SignatureDoesNotMatch with the old")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    changed = (mine[0], SECRET + "-new")
    store.create_user(*changed)
    new = call(store, changed, "GET", bucket, _LOCATION)
    old = call(store, mine, "GET", bucket, _LOCATION)
    return f"{new} with the new secret, {old} with the old"


@FACTS.known("disabled-user", "403 InvalidAccessKeyId, enabled again by add-user: yes")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.set_status(mine[0], "disabled")
    answer = call(store, mine, "GET", bucket, _LOCATION)
    store.create_user(*mine)
    user = store.user(mine[0])
    enabled = "yes" if user is not None and not user.disabled else "no"
    return f"{answer}, enabled again by add-user: {enabled}"


@FACTS.known("set-secret-keeps-status", "disabled before and after, and its policies stay")
def _(store: RustFSStore) -> str:
    mine, _ = owner(store)
    before = store.user(mine[0])
    store.set_status(mine[0], "disabled")
    store.admin("PUT", "set-user-secret-key", {"secret_key": SECRET + "-new"}, accessKey=mine[0])
    after = store.user(mine[0])
    assert before is not None
    assert after is not None
    status = "before and after" if after.disabled else "before, enabled after"
    kept = "stay" if after.policies == before.policies else "go"
    return f"disabled {status}, and its policies {kept}"


@FACTS.known("set-secret-of-nobody", "NoSuchResource")
def _(store: RustFSStore) -> str:
    body = {"secret_key": SECRET}
    return refused(store, "PUT", "set-user-secret-key", body, accessKey=fresh())


@FACTS.known("who-is-told", "nobody NoSuchResource, root NoSuchResource, its key InternalError")
def _(store: RustFSStore) -> str:
    extra = fresh()
    store.add_service_account(extra, SECRET)
    told = [
        refused(store, "GET", "user-info", accessKey=name)
        for name in (fresh(), store.access_key, extra)
    ]
    return f"nobody {told[0]}, root {told[1]}, its key {told[2]}"


@FACTS.known("add-user-over-a-key", "InvalidArgument, and root's key is as it was")
def _(store: RustFSStore) -> str:
    extra = fresh()
    store.add_service_account(extra, SECRET)
    code = refused(store, "PUT", "add-user", _user(SECRET + "-new"), accessKey=extra)
    there = "a user's" if store.user(extra) is not None else "as it was"
    return f"{code or '200'}, and root's key is {there}"


@FACTS.known("attach-twice", "200, 200")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    told = [_associated(store, verb, POLICY + bucket, mine[0]) for verb in ("attach", "attach")]
    return ", ".join(told)


@FACTS.known("detach-twice", "200, 200, of a policy that isn't there 200")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    told = [_associated(store, "detach", POLICY + bucket, mine[0]) for _ in range(2)]
    missing = _associated(store, "detach", fresh(), mine[0])
    return f"{', '.join(told)}, of a policy that isn't there {missing}"


@FACTS.known(
    "attach-what-is-not-there", "to nobody InvalidArgument, of a missing policy InternalError"
)
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    nobody = _associated(store, "attach", POLICY + bucket, fresh())
    missing = _associated(store, "attach", fresh(), mine[0])
    return f"to nobody {nobody}, of a missing policy {missing}"


@FACTS.known("attached-at-once", "eight answered 200, some are lost", heavy=True)
def _(store: RustFSStore) -> str:
    """Several rounds, since it is a matter of chance."""
    lost, told = 0, set()
    for _ in range(5):
        mine = tenant(store)
        policies = [fresh() for _ in range(8)]
        for name in policies:
            store.write_policy(name, ["s3:GetObject"], [f"{name}/*"])

        def attach(name: str, user: str = mine[0]) -> str:
            return _associated(store, "attach", name, user)

        with ThreadPoolExecutor(8) as pool:
            told |= set(pool.map(attach, policies))
        user = store.user(mine[0])
        assert user is not None
        lost += len(set(policies) - user.policies)
    return (
        f"eight answered {', '.join(sorted(told))}, {'some are lost' if lost else 'none is lost'}"
    )


@FACTS.known("policy-in-use", "InternalError, then 200, then 200")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    first = refused(store, "DELETE", "remove-canned-policy", name=POLICY + bucket)
    store.detach(POLICY + bucket, mine[0])
    more = [refused(store, "DELETE", "remove-canned-policy", name=POLICY + bucket) for _ in "12"]
    return f"{first}, then {', then '.join(code or '200' for code in more)}"


@FACTS.known("policy-of-disabled-user", "200, and it is gone")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.set_status(mine[0], "disabled")
    code = _associated(store, "detach", POLICY + bucket, mine[0])
    return f"{code}, and it is {'gone' if store.owner(bucket) is None else 'still there'}"


@FACTS.known("odd-access-keys", "a=b InternalError, a b InvalidArgument, three dots 200")
def _(store: RustFSStore) -> str:
    told = [
        refused(store, "PUT", "add-user", _user(SECRET), accessKey=name) or "200"
        for name in (f"{fresh()}=b", f"{fresh()} b", "...")
    ]
    return f"a=b {told[0]}, a b {told[1]}, three dots {told[2]}"


@FACTS.known("short-credentials", "key InternalError, secret InternalError")
def _(store: RustFSStore) -> str:
    key = refused(store, "PUT", "add-user", _user(SECRET), accessKey="ab")
    secret = refused(store, "PUT", "add-user", _user("short"), accessKey=fresh())
    return f"key {key}, secret {secret}"


@FACTS.known("made-again-user", "403 AccessDenied")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.delete_user(mine[0])
    store.create_user(*mine)
    return str(call(store, mine, "GET", bucket, _LOCATION))


@FACTS.known("key-of-its-own", "AccessDenied")
def _(store: RustFSStore) -> str:
    mine, _ = owner(store)
    body = {"accessKey": fresh(), "secretKey": SECRET, "name": "more"}
    return refused(store, "PUT", "add-service-accounts", body, by=mine)


@FACTS.known("bucket-made-twice", "root 200, its owner 409 BucketAlreadyExists")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    root, owned = (call(store, who, "PUT", bucket) for who in (admin(store), mine))
    return f"root {root}, its owner {owned}"


@FACTS.known("names-of-its-own", "rustfs 400 InvalidBucketName, xn--a-bucket 400 InvalidBucketName")
def _(store: RustFSStore) -> str:
    told = [
        f"{name} {call(store, admin(store), 'PUT', name)}" for name in ("rustfs", "xn--a-bucket")
    ]
    return ", ".join(told)


@FACTS.known("health-is-no-bucket", "200 with any signature")
def _(store: RustFSStore) -> str:
    answer = call(store, ("nobody-at-all", SECRET), "GET", "health", _LOCATION)
    return f"{answer} with any signature"


@FACTS.known("deny-for-a-signed-user", "by its name 403 AccessDenied, by an ARN 200")
def _(store: RustFSStore) -> str:
    told = []
    for form in ("{}", "arn:aws:iam:::user/{}"):
        mine, bucket = owner(store)
        principal = {"AWS": [form.format(mine[0])]}
        statement: dict[str, Any] = {
            **allow("*", ["s3:GetBucketLocation"], bucket, "Deny"),
            "Principal": principal,
            "Resource": [f"arn:aws:s3:::{bucket}"],
        }
        call(store, admin(store), "PUT", bucket, {"policy": ""}, body=policy(statement))
        told.append(call(store, mine, "GET", bucket, _LOCATION))
    return f"by its name {told[0]}, by an ARN {told[1]}"


@FACTS.known("public-is-not-told", "200 unsigned, IsPublic false")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "page", b"x", as_user=mine)
    statement = {**allow("*", ["s3:GetObject"], bucket), "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    call(store, mine, "PUT", bucket, {"policy": ""}, body=policy(statement))
    unsigned = store.unsigned(f"/{bucket}/page")
    told = call(store, mine, "GET", bucket, {"policyStatus": ""}).text("IsPublic").lower()
    return f"{unsigned} unsigned, IsPublic {told}"


@FACTS.known("public-acl", "200, and 403 unsigned")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "page", b"x", as_user=mine)
    put = call(store, mine, "PUT", bucket, {"acl": ""}, headers={"x-amz-acl": "public-read"})
    return f"{put}, and {store.unsigned(f'/{bucket}/page')} unsigned"


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: RustFSStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    actions = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
    store.give(f"{POLICY}{bucket}-reader", actions, [bucket, f"{bucket}/*"], reader[0])
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known("unfinished-upload", "deleted")
def _(store: RustFSStore) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("delete-of-a-setting-deletes", "accelerate 204, and the bucket is gone")
def _(store: RustFSStore) -> str:
    return deleted_by_deleting(store, "accelerate")


@FACTS.known("quota-at-first", "400 InvalidRequest, or 503 for a while")
def _(store: RustFSStore) -> str:
    mine, bucket = owner(store)
    store.admin("PUT", "set-bucket-quota", {"quota": 1}, bucket=bucket)
    answer = call(store, mine, "PUT", f"{bucket}/key", body=b"two")
    known = {"400 InvalidRequest", "503 ServiceUnavailable"}
    return "400 InvalidRequest, or 503 for a while" if str(answer) in known else str(answer)


@FACTS.known("quota-of-nothing", "InternalError")
def _(store: RustFSStore) -> str:
    return refused(store, "PUT", "set-bucket-quota", {"quota": 1}, bucket=fresh())


def _user(secret: str) -> dict[str, str]:
    return {"secretKey": secret, "status": "enabled"}


def _associated(store: RustFSStore, verb: str, name: str, user: str) -> str:
    body = {"policies": [name], "user": user}
    return refused(store, "POST", f"idp/builtin/policy/{verb}", body) or "200"
