"""What the policy file forbids a namespace: `policed-*` may name only what begins with its name."""

from __future__ import annotations

import secrets as random
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.conftest import POLICY
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e


def within(stack: Stack, namespace: str, name: str = "credentials") -> Tenant:
    """A tenant whose names the policy allows."""
    unique = f"{namespace}.{random.token_hex(3)}"
    return replace(stack.tenant(namespace, name), bucket=unique, access_key=f"{unique}-user")


def test_what_the_pattern_allows_is_provisioned(stack: Stack, policed_namespace: str) -> None:
    tenant = stack.provision(within(stack, policed_namespace))
    assert stack.works(tenant)


@pytest.mark.parametrize("field", ["bucket", "access_key"])
def test_a_name_outside_the_pattern_is_refused(
    stack: Stack, policed_namespace: str, field: str
) -> None:
    outside = f"elsewhere-{random.token_hex(6)}"
    tenant = replace(within(stack, policed_namespace), **{field: outside})
    before, asked = stack.store.names(), stack.hook.store_requests()
    stack.put(tenant)
    message = stack.wait_for(tenant, "Invalid", "NotAllowed")["message"]
    assert "rule policed" in message
    assert f"{policed_namespace}.*" in message
    assert stack.store.names() == before
    assert stack.hook.store_requests() == asked
    told = stack.wait_for_told(tenant, "NotAllowed")["NotAllowed"]
    assert (told["type"], told["message"]) == ("Warning", message)


def test_another_namespaces_bucket_is_out_of_reach(
    stack: Stack, namespace: str, policed_namespace: str
) -> None:
    holder = stack.provision(stack.tenant(namespace, "holder"))
    tenant = replace(within(stack, policed_namespace), bucket=holder.bucket)
    stack.put(tenant)
    message = stack.wait_for(tenant, "Invalid", "NotAllowed")["message"]
    # Not even that there is such a bucket is told.
    assert holder.bucket not in message
    assert namespace not in message
    assert stack.works(holder)


def test_a_secret_that_was_ready_keeps_what_it_has_when_it_is_retargeted(
    stack: Stack, policed_namespace: str
) -> None:
    tenant = stack.provision(within(stack, policed_namespace))
    stack.put(replace(tenant, bucket="elsewhere-bucket"))
    stack.wait_for(tenant, "Invalid", "NotAllowed")
    assert stack.works(tenant)


def test_what_exists_already_is_not_adopted_there(stack: Stack, policed_namespace: str) -> None:
    tenant = within(stack, policed_namespace)
    stack.store.create_user("somebody", "somebodys-secret")
    try:
        stack.store.create_bucket(tenant.bucket)
        stack.store.change_owner(tenant.bucket, "somebody")
        stack.put(tenant)
        stack.wait_for(tenant, "Conflict", "BucketOwned")
        assert stack.store.owner(tenant.bucket) == "somebody"
        assert stack.store.user(tenant.access_key) is None
    finally:
        stack.store.delete_user("somebody")


def test_a_changed_file_is_followed_and_a_broken_one_is_not(
    stack: Stack, policed_namespace: str
) -> None:
    tenant = replace(within(stack, policed_namespace), bucket=f"shared-{random.token_hex(6)}")
    stack.put(tenant)
    stack.wait_for(tenant, "Invalid", "NotAllowed")
    assert stack.hook.total("s3_operator_policy_valid") == 1
    file = stack.policy_file
    try:
        file.write_text("rules: [{name: broken, namespaces: ['*'], bucket: ['*']}]")
        wait_until(
            lambda: stack.touched_total(tenant, "s3_operator_policy_valid") == 0,
            timeout=10,
            what="the broken file to be noticed",
        )
        assert stack.annotations(tenant)["reason"] == "NotAllowed"
        assert "policy file can't be used" in stack.hook.process.log_text()
        file.write_text(POLICY.replace('["{namespace}.*"]', '["{namespace}.*", "shared-*"]', 1))
        wait_until(
            lambda: stack.touched_total(tenant, "s3_operator_policy_valid") == 1,
            timeout=10,
            what="the new file to be in force",
        )
        stack.touch(tenant)
        stack.wait_for(tenant, "Ready")
        assert stack.works(tenant)
    finally:
        file.write_text(POLICY)
        wait_until(
            lambda: (
                stack.touched_total(tenant, "s3_operator_policy_valid") == 1
                and stack.annotations(tenant)["status"] == "Invalid"
            ),
            timeout=10,
            what="the old file to be in force again",
        )
