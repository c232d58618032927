"""Tenants of any store who want what another holds, and what they are seen to have."""

from __future__ import annotations

import secrets as random
from dataclasses import replace

import yaml

from hooks.commands.processes import wait_until
from tests.e2e.answers import looked_at
from tests.e2e.holdings import given
from tests.e2e.stack import Stack, Tenant
from tests.servers.s3 import code_of

BUCKET_CLAIMED = ("Conflict", "BucketClaimed")
KEY_CLAIMED = ("Conflict", "AccessKeyClaimed")
OWN = ["own", "own"]
SHARED = ["shared", "shared"]


def tenant_of(stack: Stack, namespace: str, name: str = "holder") -> Tenant:
    """One whose access key has a length that every store takes."""
    return replace(stack.tenant(namespace, name), access_key=f"user{random.token_hex(6)}")


def named_tenant_of(stack: Stack, namespace: str, name: str = "holder") -> Tenant:
    """One whose names the policy keeps for its namespace."""
    tenant = stack.tenant(namespace, name)
    bucket = f"{namespace}.{tenant.bucket}"
    if stack.kind == "seaweedfs":
        # Its access keys have no dot: a rule for the one namespace names the one key.
        access_key = f"user{random.token_hex(6)}"
        keep(stack, namespace, access_key)
    else:
        access_key = f"{namespace}.{random.token_hex(4)}"
    return replace(tenant, bucket=bucket, access_key=access_key)


def keep(stack: Stack, namespace: str, access_key: str) -> None:
    """Puts a rule before all others of the policy file, which is read anew."""
    policy = yaml.safe_load(stack.policy_file.read_text())
    rule = {
        "name": f"what {namespace} keeps",
        "namespaces": [namespace],
        "buckets": ["{namespace}.*"],
        "access-keys": [access_key],
        "adoption": "own-names",
    }
    written = stack.policy_file.with_suffix(".new")
    written.write_text(yaml.safe_dump({"rules": [rule, *policy["rules"]]}))
    told = in_force(stack)
    written.replace(stack.policy_file)
    # It is looked at when a Secret is synced that has a name of its own.
    reader = stack.tenant(namespace, "reader")
    stack.put(reader)

    def read() -> bool:
        stack.touch(reader)
        stack.settle(quiet=0.3)
        return in_force(stack) > told

    wait_until(read, timeout=30, what="the new rule to be in force")
    stack.delete(reader)


def in_force(stack: Stack) -> int:
    """How often the hook has read another policy file than before."""
    return stack.hook.process.log_text().count("rules are in force")


def contender_for(
    stack: Stack, holder: Tenant, namespace: str, name: str = "contender", **fields: str
) -> Tenant:
    """A Secret that names the holder's bucket, and waits for it."""
    contender = replace(tenant_of(stack, namespace, name), bucket=holder.bucket, **fields)
    stack.put(contender)
    stack.wait_for(contender, *BUCKET_CLAIMED)
    return contender


def state(stack: Stack, tenant: Tenant) -> tuple[str | None, str | None]:
    """Status and reason as they stand on the Secret."""
    marks = stack.annotations(tenant)
    return marks.get("status"), marks.get("reason")


def synced(stack: Stack, tenant: Tenant) -> tuple[str | None, str | None]:
    """The same after one more sync of it."""
    looked_at(stack, tenant)
    return state(stack, tenant)


def holds(stack: Stack, tenant: Tenant) -> list[str | None]:
    """How the Secret has its user and its bucket, by its grants."""
    things = given(stack.annotations(tenant))
    return [things.get(("user", tenant.access_key)), things.get(("bucket", tenant.bucket))]


def rotated(stack: Stack, tenant: Tenant) -> Tenant:
    """Other credentials for the same: a new secret, on Garage with the new access key it takes."""
    changed = replace(tenant, secret=random.token_urlsafe(24))
    if stack.kind != "garage":
        return changed
    stem = tenant.access_key.rpartition(".")
    name = f"{stem[0]}.{random.token_hex(4)}" if stem[1] else f"user{random.token_hex(6)}"
    return replace(changed, access_key=name)


def rotate(stack: Stack, tenant: Tenant) -> Tenant:
    """Gives the Secret other credentials, and waits until the store takes them."""
    changed = rotated(stack, tenant)
    stack.put(changed)
    what = f"{tenant.name}'s new credentials to work"
    wait_until(lambda: stack.works(changed), timeout=30, what=what)
    stack.wait_for(changed, "Ready", user=changed.access_key)
    stack.settle(quiet=0.3)
    return changed


def delete_bucket(stack: Stack, tenant: Tenant) -> None:
    """By the tenant's own credentials, as an application or a thief can; it has to be empty."""
    with stack.s3.s3(*tenant.credentials) as client:
        assert code_of(lambda: client.delete_bucket(Bucket=tenant.bucket)) == ""


def empty(stack: Stack, tenant: Tenant, *keys: str) -> None:
    """Deletes these objects of the tenant's."""
    with stack.s3.s3(*tenant.credentials) as client:
        for key in keys:
            client.delete_object(Bucket=tenant.bucket, Key=key)
