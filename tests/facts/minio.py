"""MinIO: the rows of docs/stores/minio.md."""

from __future__ import annotations

import json
from urllib.parse import urlencode

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
from tests.servers.minio import POLICY, MinioStore, refused
from tests.servers.s3 import Credentials, code_of

FACTS: Facts[MinioStore] = Facts("minio")


@FACTS.known(
    "answers",
    "403 InvalidAccessKeyId, 403 SignatureDoesNotMatch, 403 AccessDenied, 403 AccessDenied, 200",
)
def _(store: MinioStore) -> str:
    return answers_to_probes(store, "location")


@FACTS.known("missing-bucket-with-policy", "404 NoSuchBucket")
def _(store: MinioStore) -> str:
    mine, bucket = tenant(store), fresh()
    store.give(POLICY + bucket, ["s3:*"], [bucket, f"{bucket}/*"], mine[0])
    return str(call(store, mine, "GET", bucket, {"location": ""}))


@FACTS.known("region", "its location 200, a list 400 AuthorizationHeaderMalformed")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    location = call(store, mine, "GET", bucket, {"location": ""}, region="eu-central-1")
    listed = call(store, mine, "GET", bucket, {"list-type": "2"}, region="eu-central-1")
    return f"its location {location}, a list {listed}"


@FACTS.known("user-add-replaces", "200 with the new secret, 403 SignatureDoesNotMatch with the old")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    changed = (mine[0], SECRET + "-new")
    store.create_user(*changed)
    new = call(store, changed, "GET", bucket, {"location": ""})
    old = call(store, mine, "GET", bucket, {"location": ""})
    return f"{new} with the new secret, {old} with the old"


@FACTS.known("disabled-user", "403 InvalidAccessKeyId, enabled again by user-add: yes")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    store.admin().user_disable(mine[0])
    answer = call(store, mine, "GET", bucket, {"location": ""})
    store.create_user(*mine)
    user = store.user(mine[0])
    enabled = "yes" if user is not None and not user.disabled else "no"
    return f"{answer}, enabled again by user-add: {enabled}"


@FACTS.known("policy-of-disabled-user", "XMinioAdminNoSuchUser")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    store.admin().user_disable(mine[0])
    return refused(lambda: store.admin().detach_policy([POLICY + bucket], user=mine[0]))


@FACTS.known("attach-twice", "XMinioAdminPolicyChangeAlreadyApplied")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    return refused(lambda: store.admin().attach_policy([POLICY + bucket], user=mine[0]))


@FACTS.known(
    "short-credentials", "key XMinioAdminInvalidAccessKey, secret XMinioAdminInvalidSecretKey"
)
def _(store: MinioStore) -> str:
    key = refused(lambda: store.create_user("ab", SECRET))
    secret = refused(lambda: store.create_user(fresh(), "short"))
    return f"key {key}, secret {secret}"


@FACTS.known("made-again-user", "403 AccessDenied")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    store.delete_user(mine[0])
    store.create_user(*mine)
    return str(call(store, mine, "GET", bucket, {"location": ""}))


@FACTS.known("key-of-its-own", "200 after the user's secret changed")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    made = json.loads(store.admin(*mine).add_service_account())["credentials"]
    store.set_secret(mine[0], SECRET + "-new")
    own = made["accessKey"], made["secretKey"]
    return f"{call(store, own, 'GET', bucket, {'location': ''})} after the user's secret changed"


@FACTS.known(
    "session-of-its-own",
    "200 after a new secret, 403 AccessDenied without the user, then 200 again",
)
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    fields = {"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": "604800"}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode(fields).encode()
    made = call(store, mine, "POST", "", body=body, headers=headers, service="sts")
    session = made.text("AccessKeyId"), made.text("SecretAccessKey")
    token = {"x-amz-security-token": made.text("SessionToken")}

    def asked() -> str:
        return str(call(store, session, "GET", bucket, {"location": ""}, headers=token))

    store.set_secret(mine[0], SECRET + "-new")
    changed = asked()
    store.delete_user(mine[0])
    without = asked()
    tenant(store, mine[0])
    store.change_owner(bucket, mine[0])
    return f"{changed} after a new secret, {without} without the user, then {asked()} again"


@FACTS.known("deny-for-a-signed-user", "204, then 200")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    statement = {**allow("*", ["s3:GetBucketLocation"], bucket, "Deny")}
    statement["Resource"] = [f"arn:aws:s3:::{bucket}"]
    put = call(store, mine, "PUT", bucket, {"policy": ""}, body=policy(statement))
    return f"{put}, then {call(store, mine, 'GET', bucket, {'location': ''})}"


@FACTS.known("public-is-not-told", "200 unsigned, IsPublic false")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "page", b"x", as_user=mine)
    statement = {**allow("*", ["s3:GetObject"], bucket), "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    call(store, mine, "PUT", bucket, {"policy": ""}, body=policy(statement))
    unsigned = store._pool.request("GET", f"{store.url}/{bucket}/page").status
    told = call(store, mine, "GET", bucket, {"policyStatus": ""}).text("IsPublic").lower()
    return f"{unsigned} unsigned, IsPublic {told}"


@FACTS.known("lifecycle-abort", "alone InvalidArgument; beside an expiry accepted, and left out")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    abort = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}
    rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": ""}, **abort}
    both = {**rule, "Expiration": {"Days": 30}}
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        alone = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        put(Bucket=bucket, LifecycleConfiguration={"Rules": [both]})
        (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    left = "kept" if "AbortIncompleteMultipartUpload" in kept else "left out"
    return f"alone {alone or 'accepted'}; beside an expiry accepted, and {left}"


@FACTS.known("lifecycle-far-days", "36500 days kept, 106751 days accepted and gone at once")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    told = []
    with store.s3(*mine) as client:
        for days, key in ((36_500, "century"), (106_751, "longer")):
            rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": key}}
            rule["Expiration"] = {"Days": days}
            configuration = {"Rules": [rule]}
            put = client.put_bucket_lifecycle_configuration
            code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration=configuration))  # noqa: B023 - called at once
            client.put_object(Bucket=bucket, Key=key, Body=b"body")
            there = code_of(lambda: client.get_object(Bucket=bucket, Key=key)) == ""  # noqa: B023 - called at once
            said = code or ("kept" if there else "accepted and gone at once")
            told.append(f"{days} days {said}")
    return ", ".join(told)


@FACTS.known("cors", "501 NotImplemented")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.org"]}
    with store.s3(*mine) as client:
        code = code_of(
            lambda: client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
        )
    return f"501 {code}"


@FACTS.known("put-website-makes-a-bucket", "200, and the bucket is there")
def _(store: MinioStore) -> str:
    bucket = fresh()
    put = call(store, admin(store), "PUT", bucket, {"website": ""})
    there = call(store, admin(store), "HEAD", bucket).status == 200
    return f"{put}, and the bucket is {'there' if there else 'not there'}"


@FACTS.known("delete-of-a-setting-deletes", "publicAccessBlock 204, and the bucket is gone")
def _(store: MinioStore) -> str:
    return deleted_by_deleting(store, "publicAccessBlock")


@FACTS.known("no-replication", "404 XMinioAdminRemoteTargetNotFoundError")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "DELETE", bucket, {"replication": ""}))


@FACTS.known("owner-makes-bucket-again", "204, 200, and its quota is gone")
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    store.admin().bucket_quota_set(bucket, 1_000_000)
    told = [call(store, mine, "DELETE", bucket), call(store, mine, "PUT", bucket)]
    left = json.loads(store.admin().bucket_quota_get(bucket)).get("quota", 0)
    return f"{told[0]}, {told[1]}, and its quota is {'kept' if left else 'gone'}"


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: MinioStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    actions = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
    store.give(f"{POLICY}{bucket}-reader", actions, [bucket, f"{bucket}/*"], reader[0])
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known(
    "object-hides-those-below", "both 200; listed one, read both; once it is gone, one/below"
)
def _(store: MinioStore) -> str:
    mine, bucket = owner(store)
    keys = ("one", "one/below")
    told = [str(call(store, mine, "PUT", f"{bucket}/{key}", body=b"x")) for key in keys]
    with store.s3(*mine) as client:

        def listed() -> str:
            found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
            return " ".join(entry["Key"] for entry in found)

        before = listed()
        read = [store.get(bucket, key, as_user=mine) for key in keys]
        client.delete_object(Bucket=bucket, Key="one")
        return (
            f"both {'200' if set(told) == {'200'} else told}; listed {before}, "
            f"read {'both' if read == [b'x', b'x'] else read}; once it is gone, {listed()}"
        )


@FACTS.known("unfinished-upload", "deleted")
def _(store: MinioStore) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("governance-is-bypassed-by-all", "400 InvalidRequest without the header, 204 with it")
def _(store: MinioStore) -> str:
    mine, bucket = tenant(store), fresh()
    with store.s3() as client:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    store.change_owner(bucket, mine[0])
    version = locked(store, mine, bucket)
    query = {"versionId": version}
    plain = call(store, mine, "DELETE", f"{bucket}/kept", query)
    headers = {"x-amz-bypass-governance-retention": "true"}
    bypassed = call(store, mine, "DELETE", f"{bucket}/kept", query, headers=headers)
    return f"{plain} without the header, {bypassed} with it"


def locked(store: MinioStore, mine: Credentials, bucket: str) -> str:
    """The version of an object that is kept for a day."""
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    with store.s3(*mine) as client:
        client.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        )
        version: str = client.put_object(Bucket=bucket, Key="kept", Body=b"x")["VersionId"]
        return version
