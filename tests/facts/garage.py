"""Garage: the rows of docs/stores/garage.md."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import urllib3

from tests.facts.fact import Facts
from tests.facts.wire import (
    SECRET,
    answers_to_probes,
    call,
    deleted_by_deleting,
    deleted_with_unfinished_upload,
    fresh,
    owner,
    tenant,
    write_that_makes_nothing,
)
from tests.servers.garage import GarageRefusal, GarageStore
from tests.servers.garagenodes import garage_nodes
from tests.servers.s3 import code_of

FACTS: Facts[GarageStore] = Facts("garage")
READS = {"read": True, "write": False, "owner": False}


def refusal(store: GarageStore, method: str, command: str, **body: object) -> str:
    """The code that a call of the admin API ends with; "accepted" if it goes well."""
    try:
        store.call(method, command, body=body)
    except GarageRefusal as error:
        return str(error)
    return "accepted"


@FACTS.known(
    "answers",
    "403 AccessDenied, 403 AccessDenied, 404 NoSuchBucket, 403 AccessDenied, 200",
)
def _(store: GarageStore) -> str:
    return answers_to_probes(store, "location")


@FACTS.known("region", "400 AuthorizationHeaderMalformed")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"location": ""}, region="us-east-1"))


@FACTS.known("secret-stays", "accepted, and the old secret stays")
def _(store: GarageStore) -> str:
    mine = tenant(store)
    store.call("POST", "UpdateKey", {"id": mine[0]}, body={"secretAccessKey": SECRET + "-new"})
    kept = store.key(mine[0])["secretAccessKey"] == SECRET
    return f"accepted, and the old secret {'stays' if kept else 'is replaced'}"


@FACTS.known("key-twice", "KeyAlreadyExists, KeyAlreadyExists once it is deleted")
def _(store: GarageStore) -> str:
    mine = tenant(store)
    wanted = {"accessKeyId": mine[0], "secretAccessKey": SECRET, "name": "again"}
    first = refusal(store, "POST", "ImportKey", **wanted)
    store.delete_user(mine[0])
    return f"{first}, {refusal(store, 'POST', 'ImportKey', **wanted)} once it is deleted"


@FACTS.known("key-format", "7 characters InvalidRequest, 8 accepted, a secret of 15 InvalidRequest")
def _(store: GarageStore) -> str:
    def imported(key: str, secret: str) -> str:
        wanted = {"accessKeyId": key, "secretAccessKey": secret, "name": "format"}
        return refusal(store, "POST", "ImportKey", **wanted)

    return (
        f"7 characters {imported('short.7', SECRET)}, 8 {imported('enough-8', SECRET)}, "
        f"a secret of 15 {imported(fresh(), 'x' * 15)}"
    )


@FACTS.known("wrong-token", "403 AccessDenied")
def _(store: GarageStore) -> str:
    answer = urllib3.request(
        "GET",
        f"{store.admin_url}/v2/ListKeys",
        headers={"Authorization": "Bearer not-the-token"},
        retries=False,
    )
    return f"{answer.status} {answer.json()['code']}"


@FACTS.known("expired-key", "403 AccessDenied")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    store.call("POST", "UpdateKey", {"id": mine[0]}, body={"expiration": past})
    return str(call(store, mine, "GET", bucket, {"location": ""}))


@FACTS.known("clock", "200 at 23 hours, 400 InvalidRequest at 25, 200 at 25 ahead")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    told = []
    for hours in (23, 25, -25):
        at = datetime.now(UTC) - timedelta(hours=hours)
        told.append(str(call(store, mine, "GET", bucket, {"location": ""}, at=at)))
    return f"{told[0]} at 23 hours, {told[1]} at 25, {told[2]} at 25 ahead"


@FACTS.known("local-alias-hides", "the other bucket is read under the name of the first")
def _(store: GarageStore) -> str:
    (mine, bucket), other = owner(store), fresh()
    store.create_bucket(other)
    store.change_owner(other, mine[0])
    store.put(bucket, "mark", b"first", as_user=mine)
    store.put(other, "mark", b"other", as_user=mine)
    alias = {
        "bucketId": store.bucket(other)["id"],
        "accessKeyId": mine[0],
        "localAlias": bucket,
    }
    store.call("POST", "AddBucketAlias", body=alias)
    seen = store.get(bucket, "mark", as_user=mine)
    if seen == b"other":
        return "the other bucket is read under the name of the first"
    return f"read: {seen!r}"


@FACTS.known("lifecycle-tag-filter", "accepted, and stored as a rule for every object")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    tagged = {"Tag": {"Key": "temporary", "Value": "yes"}}
    rule = {"ID": "one", "Status": "Enabled", "Filter": tagged, "Expiration": {"Days": 1}}
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        if code:
            return f"refused with {code}"
        (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    if "Tag" in kept.get("Filter", {}):
        return "accepted, and kept"
    return "accepted, and stored as a rule for every object"


@FACTS.known("lifecycle-noncurrent", "accepted, and left out")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    rule = {
        "ID": "one",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        if code:
            return f"refused with {code}"
        (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return f"accepted, and {'kept' if 'NoncurrentVersionExpiration' in kept else 'left out'}"


@FACTS.known(
    "no-policy-tags-versioning",
    "policy NotImplemented, tags NotImplemented, versioning NotImplemented",
)
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    told = []
    for word, query, body in (
        ("policy", "policy", b"{}"),
        ("tags", "tagging", b"<Tagging/>"),
        ("versioning", "versioning", b"<VersioningConfiguration/>"),
    ):
        told.append(f"{word} {call(store, mine, 'PUT', bucket, {query: ''}, body=body).code}")
    return ", ".join(told)


@FACTS.known("lifecycle-no-days", "accepted, and stored")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 0}}
    with store.s3(*mine) as client:
        put = client.put_bucket_lifecycle_configuration
        code = code_of(lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}))
        if code:
            return f"refused with {code}"
        (kept,) = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return f"accepted, and {'stored' if kept['Expiration'] == {'Days': 0} else 'changed'}"


@FACTS.known(
    "delete-of-a-setting-deletes",
    "accelerate 400 InvalidRequest, and the bucket is there; "
    "unknown-word 204, and the bucket is gone",
)
def _(store: GarageStore) -> str:
    return deleted_by_deleting(store, "accelerate", "unknown-word")


@FACTS.known("no-website", "204")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    return str(call(store, mine, "GET", bucket, {"website": ""}))


@FACTS.known("object-lock-header", "200, and no object lock")
def _(store: GarageStore) -> str:
    mine, bucket = tenant(store), fresh()
    store.call("POST", "UpdateKey", {"id": mine[0]}, body={"allow": {"createBucket": True}})
    headers = {"x-amz-bucket-object-lock-enabled": "true"}
    made = call(store, mine, "PUT", bucket, headers=headers)
    lock = call(store, mine, "GET", bucket, {"object-lock": ""})
    return f"{made}, and {'object lock' if lock.status == 200 else 'no object lock'}"


@FACTS.known("if-none-match", "200, and the object is the second")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    store.put(bucket, "one", b"first", as_user=mine)
    headers = {"if-none-match": "*"}
    second = call(store, mine, "PUT", f"{bucket}/one", body=b"second", headers=headers)
    left = store.get(bucket, "one", as_user=mine)
    return f"{second}, and the object is the {'second' if left == b'second' else 'first'}"


@FACTS.known("alias-twice", "BucketAlreadyExists")
def _(store: GarageStore) -> str:
    _, bucket = owner(store)
    return refusal(store, "POST", "CreateBucket", globalAlias=bucket)


@FACTS.known("missing", "key NoSuchAccessKey, bucket NoSuchBucket")
def _(store: GarageStore) -> str:
    told = {}
    for word, look in (("key", store.key), ("bucket", store.bucket)):
        try:
            look(fresh() + "-missing")
        except GarageRefusal as error:
            told[word] = str(error)
    return ", ".join(f"{word} {code}" for word, code in told.items())


@FACTS.known("quota-reached", "403 AccessDenied")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    quota = {"quotas": {"maxSize": None, "maxObjects": 1}}
    store.call("POST", "UpdateBucket", {"id": store.bucket(bucket)["id"]}, body=quota)
    store.put(bucket, "one", b"x", as_user=mine)
    answer = call(store, mine, "PUT", f"{bucket}/two", body=b"x")
    return str(answer)


@FACTS.known(
    "quota-leaves-unfinished-uploads-out", "three parts of 1 kB each beside a quota of 1 kB"
)
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    quota = {"quotas": {"maxSize": 1000, "maxObjects": None}}
    store.call("POST", "UpdateBucket", {"id": store.bucket(bucket)["id"]}, body=quota)
    with store.s3(*mine) as client:
        which = {"Bucket": bucket, "Key": "in-parts"}
        which["UploadId"] = client.create_multipart_upload(**which)["UploadId"]
        send = partial(client.upload_part, **which, Body=b"x" * 1000)
        codes = [code_of(partial(send, PartNumber=number)) for number in (1, 2, 3)]
    if codes != ["", "", ""] or store.bucket(bucket)["unfinishedMultipartUploadBytes"] != 3000:
        return f"{codes}"
    return "three parts of 1 kB each beside a quota of 1 kB"


@FACTS.known("empty-part", "400 InvalidRequest")
def _(store: GarageStore) -> str:
    mine, bucket = owner(store)
    with store.s3(*mine) as client:
        upload = client.create_multipart_upload(Bucket=bucket, Key="empty")["UploadId"]
    query = {"partNumber": "1", "uploadId": upload}
    return str(call(store, mine, "PUT", f"{bucket}/empty", query))


@FACTS.known("write-that-makes-nothing", "writer 404 NoSuchUpload, reader 403 AccessDenied")
def _(store: GarageStore) -> str:
    (mine, bucket), reader = owner(store), tenant(store)
    store.permit("AllowBucketKey", bucket, reader[0], READS)
    told = [write_that_makes_nothing(store, who, bucket) for who in (mine, reader)]
    return f"writer {told[0]}, reader {told[1]}"


@FACTS.known("unfinished-upload", "deleted")
def _(store: GarageStore) -> str:
    return deleted_with_unfinished_upload(store)


@FACTS.known("small-scope", "403 AccessDenied, as for a wrong token")
def _(store: GarageStore) -> str:
    made = store.call("POST", "CreateAdminToken", body={"name": fresh(), "scope": ["ListKeys"]})
    answer = urllib3.request(
        "GET",
        f"{store.admin_url}/v2/ListBuckets",
        headers={"Authorization": f"Bearer {made['secretToken']}"},
        retries=False,
    )
    return f"{answer.status} {json.loads(answer.data)['code']}, as for a wrong token"


@FACTS.known("no-layout", "InternalError, and unavailable with storage nodes: 0", heavy=True)
def _(store: GarageStore) -> str:
    with garage_nodes(store, 1, layout=False) as (node,):
        key = {"accessKeyId": fresh(), "secretAccessKey": SECRET, "name": "by-hand"}
        refused = refusal(node, "POST", "ImportKey", **key)
        health = node.call("GET", "GetClusterHealth")
        return f"{refused}, and {health['status']} with storage nodes: {health['storageNodes']}"


@FACTS.known("two-nodes-one-key", "both accepted, and each node keeps its own secret", heavy=True)
def _(store: GarageStore) -> str:
    with garage_nodes(store, 2) as nodes, ThreadPoolExecutor(len(nodes)) as pool:
        for _ in range(20):
            name = fresh()

            def imported(numbered: tuple[int, GarageStore], name: str = name) -> str:
                number, node = numbered
                key = {"accessKeyId": name, "secretAccessKey": f"{SECRET}-{number}", "name": name}
                return refusal(node, "POST", "ImportKey", **key)

            if set(pool.map(imported, enumerate(nodes))) == {"accepted"}:
                # As long as Garage takes for everything that it puts right by itself at once.
                time.sleep(5)
                kept = {node.key(name)["secretAccessKey"] for node in nodes}
                whose = "its own" if len(kept) == len(nodes) else "the same"
                return f"both accepted, and each node keeps {whose} secret"
    return "one accepted"


@FACTS.known("two-nodes-one-bucket", "both accepted, and one of the two has no name", heavy=True)
def _(store: GarageStore) -> str:
    with garage_nodes(store, 2) as nodes, ThreadPoolExecutor(len(nodes)) as pool:
        for _ in range(40):
            name = fresh()

            def made(node: GarageStore, name: str = name) -> str:
                return refusal(node, "POST", "CreateBucket", globalAlias=name)

            if set(pool.map(made, nodes)) == {"accepted"}:
                time.sleep(1)
                listed = nodes[0].call("GET", "ListBuckets")
                nameless = [bucket for bucket in listed if not bucket["globalAliases"]]
                return f"both accepted, and {'one' if nameless else 'none'} of the two has no name"
    return "one accepted"
