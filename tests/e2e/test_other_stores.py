"""The other stores in VersityGW's place: the same behaviour and the same words."""

from __future__ import annotations

import secrets as random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from backends.capabilities import CAPABILITIES
from hooks.commands.processes import answers, wait_until
from tests.e2e.leaks import leaks
from tests.e2e.stack import Stack, Tenant, operator_annotations
from tests.e2e.test_bad_secrets import BAD

pytestmark = pytest.mark.e2e

# What each refuses: short names, short secrets, names that mean something else.
REFUSED = {
    "minio": ("access-secret", "short", "RejectedByBackend"),
    "garage": ("access-key", "short", "RejectedByBackend"),
    "ceph-rgw": ("access-key", "user:subuser", "NotSupported"),
    "seaweedfs": ("access-secret", "short", "RejectedByBackend"),
    "rustfs": ("access-secret", "short", "NotSupported"),
}
# Each costs MinIO and the operator about half a second of CPU: this test takes a minute or two.
MANY = 200


def tenant_of(stack: Stack, namespace: str, name: str = "credentials") -> Tenant:
    """One whose access key has a length that every store takes."""
    tenant = stack.tenant(namespace, name)
    return replace(tenant, access_key=f"user{random.token_hex(6)}")


def rotates(stack: Stack) -> bool:
    return CAPABILITIES[stack.kind].rotation


def test_new_secret_is_ready_within_5_s_and_its_bucket_is_its_own(
    other_stack: Stack, other_namespace: str
) -> None:
    mine = other_stack.provision(tenant_of(other_stack, other_namespace, "mine"), timeout=5)
    other = other_stack.provision(tenant_of(other_stack, other_namespace, "other"))

    assert other_stack.works(mine)
    assert other_stack.works(other)
    refused = other_stack.s3.get(mine.bucket, "works", as_user=other.credentials)
    assert refused == "AccessDenied"
    assert other_stack.s3.owner(mine.bucket) == mine.access_key
    status = other_stack.annotations(mine)
    assert (status["reason"], status["bucket"], status["user"]) == (
        "Provisioned",
        mine.bucket,
        mine.access_key,
    )


def test_unchanged_secret_costs_one_request_and_no_write(
    other_stack: Stack, other_namespace: str
) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.settle()
    version = other_stack.resource_version(tenant)
    requests, syncs = other_stack.hook.store_requests(), other_stack.hook.syncs()

    other_stack.settled_sync()

    assert other_stack.hook.syncs() == syncs + 1
    assert other_stack.hook.store_requests() == requests + 1
    assert other_stack.resource_version(tenant) == version


def test_changed_secret_is_taken_or_refused_as_documented(
    other_stack: Stack, other_namespace: str
) -> None:
    old = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.s3.put(old.bucket, "kept", b"kept", as_user=old.credentials)
    new = replace(old, secret=random.token_urlsafe(24))

    other_stack.put(new)

    if rotates(other_stack):
        wait_until(lambda: other_stack.works(new), timeout=15, what="the new secret to work")
        assert not other_stack.works(old)
    else:
        message = other_stack.wait_for(new, "Invalid", "NotSupported")["message"]
        assert "new access key" in message
        assert other_stack.works(old)
        new = replace(new, access_key=f"user{random.token_hex(6)}")
        other_stack.put(new)
        other_stack.wait_for(new, "Ready", user=new.access_key)
    assert other_stack.s3.get(new.bucket, "kept", as_user=new.credentials) == b"kept"


def test_bucket_and_objects_follow_a_changed_access_key(
    other_stack: Stack, other_namespace: str
) -> None:
    old = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.s3.put(old.bucket, "kept", b"kept", as_user=old.credentials)

    new = replace(old, access_key=f"user{random.token_hex(6)}", secret=random.token_urlsafe(24))
    other_stack.put(new)
    other_stack.wait_for(new, "Ready", user=new.access_key)

    assert other_stack.s3.get(new.bucket, "kept", as_user=new.credentials) == b"kept"
    assert other_stack.s3.get(old.bucket, "kept", as_user=old.credentials) == "AccessDenied"
    assert other_stack.s3.owner(new.bucket) == new.access_key


def test_administrators_bucket_is_adopted_with_its_objects(
    other_stack: Stack, other_namespace: str
) -> None:
    tenant = tenant_of(other_stack, other_namespace)
    other_stack.s3.create_bucket(tenant.bucket)
    other_stack.s3.put(tenant.bucket, "older", b"older than the Secret")

    other_stack.provision(tenant)

    read = other_stack.s3.get(tenant.bucket, "older", as_user=tenant.credentials)
    assert read == b"older than the Secret"


def test_alias_keys(other_stack: Stack, other_namespace: str) -> None:
    tenant = tenant_of(other_stack, other_namespace)
    data = {
        "BUCKET_NAME": tenant.bucket,
        "AWS_ACCESS_KEY_ID": tenant.access_key,
        "AWS_SECRET_ACCESS_KEY": tenant.secret,
        "AWS_ENDPOINT_URL_S3": f"{other_stack.s3.url.replace('http', 'HTTP')}/",
    }

    other_stack.provision(tenant, data)

    assert other_stack.works(tenant)


# Garage's administrator has no access key.
@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "operators-access-key"])
def test_bad_secret(other_stack: Stack, other_namespace: str, kind: str) -> None:
    changes, reason = BAD[kind]
    before, asked = other_stack.s3.names(), other_stack.hook.store_requests()
    tenant = tenant_of(other_stack, other_namespace)
    data = {**tenant.data, **changes}
    other_stack.put(tenant, {key: value for key, value in data.items() if value is not None})

    other_stack.wait_for(tenant, "Invalid", reason)

    other_stack.settle(quiet=0.2)
    assert other_stack.hook.store_requests() == asked
    assert other_stack.s3.names() == before


def test_what_the_store_itself_refuses(other_stack: Stack, other_namespace: str) -> None:
    tenant = tenant_of(other_stack, other_namespace)
    field, value, reason = REFUSED[other_stack.kind]
    before = other_stack.s3.names()
    other_stack.put(tenant, {**tenant.data, field: value})

    other_stack.wait_for(tenant, "Invalid", reason)

    assert other_stack.s3.names() == before


def test_deleting_the_secret_keeps_everything(other_stack: Stack, other_namespace: str) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.s3.put(tenant.bucket, "kept", b"kept", as_user=tenant.credentials)
    other_stack.delete(tenant)
    other_stack.settle()

    kept = other_stack.s3.get(tenant.bucket, "kept", as_user=tenant.credentials)

    assert kept == b"kept"
    other_stack.provision(tenant)


def test_owner_taken_away_behind_its_back_is_put_right(
    other_stack: Stack, other_namespace: str
) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    # The sync that follows the status would put it right before anybody looks.
    other_stack.settle()
    other_stack.s3.change_owner(tenant.bucket, None)
    assert not other_stack.works(tenant)

    other_stack.settled_sync()

    assert other_stack.works(tenant)


def test_store_killed_and_back(other_stack: Stack, other_namespace: str) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.s3.process.kill()
    try:
        other_stack.touch(tenant)
        other_stack.wait_for(tenant, "Retrying", "BackendUnavailable", timeout=15)
    finally:
        other_stack.s3.restart()

    other_stack.wait_for(tenant, "Ready", timeout=30)
    assert other_stack.works(tenant)


def test_store_hangs(other_stack: Stack, other_namespace: str) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.settle()
    other_stack.s3.process.pause()
    try:
        other_stack.touch(tenant)
        other_stack.wait_for(tenant, "Retrying", "Timeout")
        started = time.monotonic()
        assert answers(other_stack.hook.ops_port, "/healthz", status=200)
        assert time.monotonic() - started < 1
    finally:
        other_stack.s3.process.resume()

    other_stack.wait_for(tenant, "Ready", timeout=30)


def test_many_new_secrets_neither_starve_the_probes_nor_eat_the_memory(
    other_stack: Stack, other_namespace: str
) -> None:
    tenants = [tenant_of(other_stack, other_namespace, f"t{number:03}") for number in range(MANY)]
    slowest = 0.0
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(other_stack.put, tenants))

    def all_ready() -> bool:
        nonlocal slowest
        started = time.monotonic()
        assert answers(other_stack.hook.ops_port, "/healthz", status=200)
        slowest = max(slowest, time.monotonic() - started)
        found = other_stack.cluster.api.list("Secret", other_namespace)
        ready = [operator_annotations(secret).get("status") == "Ready" for secret in found]
        return len(ready) == len(tenants) and all(ready)

    wait_until(all_ready, timeout=600, what="all Secrets to be Ready", interval=0.5)

    assert slowest < 1
    assert other_stack.hook.peak_memory() < 400 * 1024 * 1024
    assert all(other_stack.works(tenant) for tenant in tenants[::10])


def test_nothing_leaks(other_stack: Stack, other_namespace: str) -> None:
    tenant = other_stack.provision(tenant_of(other_stack, other_namespace))
    other_stack.put(replace(tenant, secret=random.token_urlsafe(24)))
    other_stack.settle()

    assert leaks(other_stack) == []
