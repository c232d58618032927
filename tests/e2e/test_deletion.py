"""Deletion policies through Metacontroller's finalizer; every cell is in
tests/sync/test_removal.py.
"""

from __future__ import annotations

import os
import secrets as random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hooks.commands.detach import DEFAULT_CONTROLLER
from hooks.commands.processes import wait_until
from tests.e2e.application import using
from tests.e2e.stack import Stack, Tenant
from tests.servers.hook import ROOT

pytestmark = pytest.mark.e2e

FINALIZER = f"metacontroller.io/decoratorcontroller-{DEFAULT_CONTROLLER}"
DELETE_USER = {"deletion-policy": "delete-user"}
DELETE = {"deletion-policy": "delete"}


def finalizers(stack: Stack, tenant: Tenant) -> list[str]:
    found: list[str] = stack.observed(tenant)["metadata"].get("finalizers", [])
    return found


def made(
    stack: Stack, tenant: Tenant, policy: dict[str, str], *, key: str = "", body: bytes = b"kept"
) -> Tenant:
    """A Ready tenant with that policy, and an object where a key is named."""
    stack.provision(tenant, annotations=policy)
    wait_until(lambda: finalizers(stack, tenant), timeout=10, what="the finalizer")
    if key:
        assert stack.s3.put(tenant.bucket, key, body, as_user=tenant.credentials) == ""
    return tenant


def tenant_of(stack: Stack, namespace: str, name: str = "credentials") -> Tenant:
    """One whose access key has a length that every store takes."""
    return replace(stack.tenant(namespace, name), access_key=f"user{random.token_hex(6)}")


# Nothing is deleted unless it is asked for twice


@pytest.mark.parametrize("policy", [{}, {"deletion-policy": "retain"}], ids=["none", "retain"])
def test_by_default_nothing_is_held_back_and_nothing_deleted(
    stack: Stack, namespace: str, policy: dict[str, str]
) -> None:
    tenant = stack.provision(stack.tenant(namespace), annotations=policy)
    stack.store.put(tenant.bucket, "kept", b"kept", as_user=tenant.credentials)
    stack.settle(quiet=0.3)
    assert finalizers(stack, tenant) == []
    stack.delete(tenant)
    assert not stack.exists(tenant)
    stack.settle(quiet=0.3)
    assert stack.works(tenant)
    assert stack.store.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"


def test_delete_user_leaves_the_bucket_to_the_administrator(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE_USER, key="kept")
    stack.delete(tenant)
    stack.wait_until_gone(tenant)
    assert stack.store.user(tenant.access_key) is None
    assert stack.store.owner(tenant.bucket) == stack.store.access_key
    assert stack.store.get(tenant.bucket, "kept") == b"kept"
    told = stack.wait_for_told(tenant, "Deleted")["Deleted"]
    assert told["type"] == "Normal"
    # And the next one may have it.
    heir = stack.provision(replace(stack.tenant(namespace, "heir"), bucket=tenant.bucket))
    assert stack.store.get(tenant.bucket, "kept", as_user=heir.credentials) == b"kept"


def test_delete_takes_an_empty_bucket_along(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE)
    stack.delete(tenant)
    stack.wait_until_gone(tenant)
    assert stack.store.user(tenant.access_key) is None
    assert stack.store.owner(tenant.bucket) is None


def test_a_full_bucket_waits_until_it_is_emptied(stack: Stack, namespace: str) -> None:
    asks = {**DELETE, "connection-secret": "app-s3"}
    tenant = made(stack, stack.tenant(namespace), asks, key="kept")
    connection = stack.cluster.api.get("Secret", "app-s3", namespace)
    assert connection is not None
    stack.delete(tenant)
    status = stack.wait_for(tenant, "Retrying", "BucketNotEmpty")
    assert tenant.secret not in status["message"]
    stack.wait_for_told(tenant, "BucketNotEmpty")
    version = stack.resource_version(tenant)
    stack.settle(quiet=0.3)
    assert stack.resource_version(tenant) == version
    # Its own credentials, which nobody else has, are what it is emptied with.
    assert stack.works(tenant)
    assert stack.cluster.api.get("Secret", "app-s3", namespace) == connection
    with stack.store.s3(*tenant.credentials) as client:
        for key in ("kept", "works"):
            client.delete_object(Bucket=tenant.bucket, Key=key)

    stack.touch(tenant)

    stack.wait_until_gone(tenant)
    assert stack.store.owner(tenant.bucket) is None
    assert stack.store.user(tenant.access_key) is None


def test_a_full_bucket_stays_when_the_policy_is_set_back(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE, key="kept")
    stack.delete(tenant)
    stack.wait_for(tenant, "Retrying", "BucketNotEmpty")

    stack.mark(tenant, {"deletion-policy": "retain"})

    stack.wait_until_gone(tenant)
    assert stack.works(tenant)
    assert stack.store.get(tenant.bucket, "kept", as_user=tenant.credentials) == b"kept"


@pytest.mark.parametrize("policy", [DELETE_USER, DELETE], ids=["delete-user", "delete"])
def test_what_another_secret_uses_stays(
    stack: Stack, namespace: str, policy: dict[str, str]
) -> None:
    """One of the same namespace; a stranger that has the pair is in test_deletion_rights.py."""
    tenant = made(stack, stack.tenant(namespace), policy)
    sharing = stack.provision(replace(tenant, name="sharing"))
    with using(stack, sharing):
        stack.delete(tenant)
        stack.wait_until_gone(tenant)
        assert stack.works(sharing)


def test_a_store_that_is_down_is_waited_for(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE)
    stack.store.process.kill()
    try:
        stack.delete(tenant)
        stack.wait_for(tenant, "Retrying", "BackendUnavailable", timeout=15)
        assert stack.exists(tenant)
    finally:
        stack.store.restart()
    stack.wait_until_gone(tenant, timeout=30)
    assert stack.store.owner(tenant.bucket) is None


def test_kubernetes_that_does_not_answer_is_waited_for(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE)
    with stack.gate.shut():
        stack.delete(tenant)
        stack.wait_for(tenant, "Retrying", "GuardUnavailable")
        assert stack.works(tenant)
    with stack.store.s3(*tenant.credentials) as client:
        client.delete_object(Bucket=tenant.bucket, Key="works")
    stack.wait_until_gone(tenant, timeout=30)
    assert stack.store.owner(tenant.bucket) is None


def test_what_is_already_gone_is_success(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE)
    stack.store.delete_user(tenant.access_key)
    with stack.store.s3() as admin:
        admin.delete_bucket(Bucket=tenant.bucket)
    stack.delete(tenant)
    stack.wait_until_gone(tenant)


def test_opting_out_takes_the_finalizer_off(stack: Stack, namespace: str) -> None:
    tenant = made(stack, stack.tenant(namespace), DELETE)
    stack.mark(tenant, {"deletion-policy": None})
    wait_until(lambda: not finalizers(stack, tenant), timeout=10, what="the finalizer to go")
    assert stack.works(tenant)
    stack.delete(tenant)
    assert not stack.exists(tenant)
    stack.settle(quiet=0.3)
    assert stack.works(tenant)


# What somebody else's can't be deleted with


@pytest.mark.parametrize("policy", [DELETE_USER, DELETE], ids=["delete-user", "delete"])
@pytest.mark.parametrize("how", ["named", "copied", "stolen-credentials", "retargeted"])
def test_a_stranger_deletes_nothing_of_the_holders(
    stack: Stack, namespace: str, strangers_namespace: str, policy: dict[str, str], how: str
) -> None:
    holder = stack.provision(stack.tenant(namespace, "holder"))
    own = stack.tenant(strangers_namespace, "stranger")
    same_names = replace(own, bucket=holder.bucket, access_key=holder.access_key)
    with using(stack, holder):
        match how:
            case "named":
                stranger = same_names
                stack.put(stranger, annotations=policy)
                stack.wait_for(stranger, "Conflict")
            case "copied":
                stranger = same_names
                copied = {
                    key: value
                    for key, value in stack.annotations(holder).items()
                    if key != "enabled"
                }
                stack.put(stranger, annotations={**copied, **policy})
                stack.wait_for(stranger, "Conflict")
            case "stolen-credentials":
                # Sharing is allowed to who knows the secret; deleting isn't.
                stranger = stack.provision(
                    replace(same_names, secret=holder.secret), annotations=policy
                )
            case _:
                stack.provision(own, annotations=policy)
                stranger = same_names
                stack.put(stranger, annotations=policy)
                stack.wait_for(stranger, "Conflict")
        wait_until(lambda: finalizers(stack, stranger), timeout=10, what="the finalizer")
        stack.delete(stranger)
        stack.wait_until_gone(stranger)
        stack.settle(quiet=0.2)
        assert stack.store.owner(holder.bucket) == holder.access_key
        assert stack.works(holder)


def test_the_policy_file_forbids_it(stack: Stack, policed_namespace: str) -> None:
    names = f"{policed_namespace}.a"
    tenant = replace(stack.tenant(policed_namespace), bucket=names, access_key=f"{names}-user")
    stack.put(tenant, annotations=DELETE)
    status = stack.wait_for(tenant, "Invalid", "NotAllowed")
    assert "deletion-policy" in status["message"]
    assert stack.store.user(tenant.access_key) is None
    stack.put(tenant, annotations=DELETE_USER)
    stack.wait_for(tenant, "Ready")
    # Set just before the end, it still forbids.
    stack.mark(tenant, DELETE)
    stack.wait_for(tenant, "Invalid", "NotAllowed")
    stack.delete(tenant)
    stack.wait_until_gone(tenant)
    assert stack.works(tenant)


# Uninstalling


@contextmanager
def without_metacontroller(stack: Stack) -> Iterator[None]:
    stack.metacontroller.stop()
    try:
        yield
    finally:
        stack.metacontroller.restart()


def detach(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
        [sys.executable, "-m", "hooks", "detach", *words],
        env={"PATH": os.environ["PATH"], "KUBECONFIG": str(stack.cluster.kubeconfig)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_uninstalling_leaves_no_secret_hanging(stack: Stack, namespace: str) -> None:
    live = made(stack, stack.tenant(namespace, "live"), DELETE)
    waiting = made(stack, stack.tenant(namespace, "waiting"), DELETE, key="kept")
    stack.delete(waiting)
    stack.wait_for(waiting, "Retrying", "BucketNotEmpty")
    try:
        ran = detach(stack, "--delete-controller")
        assert ran.returncode == 0, ran.stderr
        assert f"detached {namespace}/live" in ran.stdout
        assert not stack.exists(waiting)
        assert finalizers(stack, live) == []
        with without_metacontroller(stack):
            stack.delete(live)
            assert not stack.exists(live)
        for tenant in (live, waiting):
            assert stack.works(tenant)
        assert stack.store.get(waiting.bucket, "kept", as_user=waiting.credentials) == b"kept"
    finally:
        stack.install_deletion()
        stack.settle()


# On the other stores


def test_the_policies_on_other_stores(other_stack: Stack, other_namespace: str) -> None:
    stack = other_stack
    kept = made(stack, tenant_of(stack, other_namespace, "kept"), DELETE_USER, key="kept")
    empty = made(stack, tenant_of(stack, other_namespace, "empty"), DELETE)
    full = made(stack, tenant_of(stack, other_namespace, "full"), DELETE, key="kept")
    for tenant in (kept, empty, full):
        stack.delete(tenant)
    stack.wait_for(full, "Retrying", "BucketNotEmpty")
    stack.wait_until_gone(kept)
    stack.wait_until_gone(empty)
    users, buckets = stack.s3.names()
    assert not {kept.access_key, empty.access_key} & users
    assert empty.bucket not in buckets
    assert kept.bucket in buckets
    assert stack.works(full)
    stack.mark(full, {"deletion-policy": "retain"})
    stack.wait_until_gone(full)
    assert stack.s3.get(full.bucket, "kept", as_user=full.credentials) == b"kept"
    heir = stack.provision(replace(tenant_of(stack, other_namespace, "heir"), bucket=kept.bucket))
    assert stack.s3.get(kept.bucket, "kept", as_user=heir.credentials) == b"kept"
