"""Several buckets of one Secret, through Metacontroller."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e

CONNECTION = "gallery-s3"


def listed(tenant: Tenant, names: list[str]) -> dict[str, str]:
    """The data of a Secret with these buckets."""
    data = {key: text for key, text in tenant.data.items() if key != "bucket-name"}
    return {**data, "bucket-names": ",".join(names)}


def connection(stack: Stack, tenant: Tenant) -> dict[str, str]:
    found = stack.cluster.api.get("Secret", CONNECTION, tenant.namespace)
    data = {} if found is None else found["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def usable(stack: Stack, tenant: Tenant, names: list[str]) -> list[str]:
    return [name for name in names if stack.works(replace(tenant, bucket=name))]


def test_sixteen_buckets_and_one_that_is_anothers(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    tenant = stack.tenant(namespace)
    names = [f"{tenant.bucket}-{place}" for place in range(1, 17)]
    holder = stack.provision(replace(stack.tenant(strangers_namespace), bucket=names[4]))
    stack.put(tenant, listed(tenant, names), {"connection-secret": CONNECTION})
    seen = stack.wait_for(tenant, "Conflict", "BucketClaimed")
    assert seen["message"].startswith(f"Bucket {names[4]}: A Secret of another namespace")
    rest = [name for name in names if name != names[4]]
    assert seen["bucket"] == ",".join(rest)
    assert usable(stack, tenant, names) == rest
    assert stack.works(holder)
    wait_until(lambda: connection(stack, tenant), timeout=10, what="the connection Secret")
    told = connection(stack, tenant)
    assert told["BUCKET_NAME"] == told["BUCKET_NAME_1"] == names[0]
    assert told["BUCKET_NAMES"] == ",".join(names)
    assert told["BUCKET_NAME_16"] == names[15]

    stack.delete(holder)
    stack.store.change_owner(names[4], stack.store.access_key)
    stack.touch(tenant)
    assert stack.wait_for(tenant, "Ready")["bucket"] == ",".join(names)
    assert usable(stack, tenant, names) == names

    # Unchanged they cost a request each, nothing is written, and Kubernetes isn't asked.
    stack.settle()
    before, version = stack.hook.store_requests(), stack.resource_version(tenant)
    syncs = stack.hook.syncs()
    stack.touch(tenant)
    stack.settle()
    calls = stack.hook.syncs() - syncs
    assert stack.hook.store_requests() - before == 16 * calls
    stack.settle()
    touched = stack.observed(tenant)["metadata"]
    assert touched["resourceVersion"] != version
    assert touched["labels"]["s3-resource-operator.io/several-buckets"] == "true"
    assert stack.server_errors(namespace) == []


def test_a_holders_second_bucket_is_not_a_strangers(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    tenant = stack.tenant(namespace)
    names = [f"{tenant.bucket}-{place}" for place in range(1, 4)]
    stack.provision(tenant, listed(tenant, names))
    contender = replace(stack.tenant(strangers_namespace), bucket=names[1])
    stack.put(contender)
    stack.wait_for(contender, "Conflict", "BucketClaimed")
    assert usable(stack, tenant, names) == names
    # It is let go as soon as it isn't named any more, and stays on the store until then.
    stack.put(tenant, listed(tenant, [names[0], names[2]]))
    wait_until(
        lambda: stack.annotations(tenant)["bucket"] == f"{names[0]},{names[2]}",
        timeout=10,
        what="the shorter list",
    )
    stack.touch(contender)
    stack.wait_for(contender, "Ready")
    assert stack.works(contender)
    assert usable(stack, tenant, names) == [names[0], names[2]]


def test_deletion_takes_each_of_them(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    names = [f"{tenant.bucket}-{place}" for place in range(1, 4)]
    stack.provision(tenant, listed(tenant, names), {"deletion-policy": "delete"})
    wait_until(
        lambda: stack.observed(tenant)["metadata"].get("finalizers"),
        timeout=10,
        what="the finalizer",
    )
    assert stack.s3.put(names[1], "key", b"body", as_user=tenant.credentials) == ""
    stack.delete(tenant)
    seen = stack.wait_for(tenant, "Retrying", "BucketNotEmpty")
    assert seen["message"].startswith(f"Bucket {names[1]}: ")
    assert stack.store.names()[1] & set(names) == {names[1]}
    with stack.s3.s3(*tenant.credentials) as client:
        client.delete_object(Bucket=names[1], Key="key")
    stack.touch(tenant)
    stack.wait_until_gone(tenant)
    assert stack.store.names()[1] & set(names) == set()
    assert stack.store.user(tenant.access_key) is None
