"""An administrator gives a Secret what it could not have: as in the pod, and through a shell."""

from __future__ import annotations

import secrets as random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.stack import Stack, Tenant
from tests.servers.require import require
from tests.servers.s3 import code_of

pytestmark = pytest.mark.e2e

RULES = {
    "Rules": [
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"Prefix": "logs/"},
            "Expiration": {"Days": 1},
        }
    ]
}


def give(stack: Stack, tenant: Tenant, *words: str) -> str:
    """What `kubectl exec deploy/… -- s3-resource-operator grant … --print | sh` does.

    Returns:
        What the command told.
    """
    process = stack.hook.process
    asked = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hooks", "grant", f"{tenant.namespace}/{tenant.name}", *words],
        cwd=process.cwd,
        env=process.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    environ = {
        "PATH": f"{Path(require('kubectl')).parent}:/usr/bin:/bin",
        "KUBECONFIG": str(stack.cluster.kubeconfig),
        # For its cache.
        "HOME": str(stack.cluster.directory),
    }
    subprocess.run(
        ["/bin/sh"], input=asked.stdout, env=environ, text=True, check=True, capture_output=True
    )
    assert tenant.secret not in asked.stdout + asked.stderr
    return asked.stderr


def test_an_existing_bucket_that_may_not_be_taken_over(
    stack: Stack, policed_namespace: str
) -> None:
    bucket = f"{policed_namespace}.{random.token_hex(3)}"
    tenant = replace(stack.tenant(policed_namespace), bucket=bucket, access_key=f"{bucket}-user")
    former = f"former-{random.token_hex(3)}", "a-secret-of-its-own"
    stack.store.create_user(*former)
    stack.store.create_bucket(bucket)
    stack.store.change_owner(bucket, former[0])
    stack.store.put(bucket, "kept", b"an object", as_user=former)
    stack.put(tenant)
    stack.wait_for(tenant, "Conflict", "BucketOwned")
    told = give(stack, tenant, "--print")
    assert f"the bucket {bucket} is owned by {former[0]}" in told
    stack.wait_for(tenant, "Ready")
    assert stack.works(tenant)
    assert stack.store.owner(bucket) == tenant.access_key
    assert stack.store.get(bucket, "kept", as_user=former) == "AccessDenied"
    assert stack.store.get(bucket, "kept", as_user=tenant.credentials) == b"an object"
    stack.settle()
    version = stack.resource_version(tenant)
    stack.settled_sync()
    assert stack.resource_version(tenant) == version


def test_a_bucket_changes_hands_and_takes_no_settings_along(
    other_stack: Stack, other_namespace: str, other_strangers_namespace: str
) -> None:
    names = [f"user{random.token_hex(6)}" for _ in range(2)]
    holder = other_stack.provision(
        replace(other_stack.tenant(other_namespace, "holder"), access_key=names[0])
    )
    with other_stack.s3.s3(*holder.credentials) as client:
        client.put_bucket_lifecycle_configuration(
            Bucket=holder.bucket, LifecycleConfiguration=RULES
        )
    stranger = replace(
        other_stack.tenant(other_strangers_namespace, "stranger"),
        bucket=holder.bucket,
        access_key=names[1],
    )
    other_stack.put(stranger)
    other_stack.wait_for(stranger, "Conflict", "BucketClaimed")
    told = give(other_stack, stranger, "--print", "--yes")
    assert f"{holder.namespace}/holder becomes Conflict/BucketClaimed" in told
    assert "its policy and other settings are removed" in told
    message = other_stack.wait_for(stranger, "Ready")["message"]
    assert "It was another's before" in message
    assert other_stack.works(stranger)
    assert other_stack.s3.owner(holder.bucket) == stranger.access_key
    with other_stack.s3.s3(*stranger.credentials) as client:
        refusal = code_of(lambda: client.get_bucket_lifecycle_configuration(Bucket=holder.bucket))
    assert refusal == "NoSuchLifecycleConfiguration"
    other_stack.touch(holder)
    other_stack.wait_for(holder, "Conflict", "BucketClaimed")
    assert not other_stack.works(holder)
    other_stack.touch(stranger)
    other_stack.settle()
    assert other_stack.annotations(stranger)["status"] == "Ready"
    assert other_stack.works(stranger)
