"""What a Secret costs: the store's own request log is counted, beside the operator's metric."""

from __future__ import annotations

import pytest

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e


def test_provisioning_costs_at_most_five_requests(stack: Stack, namespace: str) -> None:
    stack.settle()
    asked, answered = stack.hook.store_requests(), len(stack.store.request_lines())
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    # Its own status makes Metacontroller sync it once more: that one finds nothing to do.
    unchanged = 1

    assert stack.hook.store_requests() - asked <= 5 + unchanged
    assert len(stack.store.request_lines()) - answered <= 5 + unchanged
    assert stack.works(tenant)


def test_unchanged_secret_costs_one_request_and_no_write(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    before = stack.observed(tenant)
    written = stack.hook.total("s3_operator_users_created_total") + stack.hook.total(
        "s3_operator_users_updated_total"
    )
    syncs, asked = stack.hook.syncs(), stack.hook.store_requests()
    lines = len(stack.store.request_lines())

    with stack.syncing(every=1):
        stack.wait_for_syncs(2)
    stack.settled_sync()

    rounds = stack.hook.syncs() - syncs
    assert rounds >= 5
    assert stack.hook.store_requests() - asked == rounds
    seen = stack.store.request_lines()[lines:]
    assert len(seen) == rounds
    assert all(f"| GET | /{tenant.bucket} |" in line for line in seen), seen
    assert written == stack.hook.total("s3_operator_users_created_total") + stack.hook.total(
        "s3_operator_users_updated_total"
    )
    # Not the same status again, but no write at all.
    assert stack.observed(tenant) == before


def test_unchanged_refusal_costs_nothing(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.put(tenant, {**tenant.data, "role": "admin"})
    stack.wait_for(tenant, "Invalid", "RoleNotAllowed")
    stack.settle()
    before, asked = stack.observed(tenant), stack.hook.store_requests()

    stack.settled_sync()

    assert stack.hook.store_requests() == asked
    assert stack.observed(tenant) == before
