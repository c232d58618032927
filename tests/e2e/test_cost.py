"""What a Secret costs: the store's own request log is counted, beside the operator's metric.

What the operator asks the Kubernetes API goes through a gate that counts the bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

TOGETHER = 20


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


def lists(stack: Stack) -> int:
    """How often Secrets were listed so far: tests that wait for one Secret list none."""
    families = text_string_to_metric_families(stack.cluster.api.text("/metrics"))
    wanted = {"resource": "secrets", "verb": "LIST"}.items()
    return int(
        sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "apiserver_request_total" and wanted <= sample.labels.items()
        )
    )


def test_a_new_secret_asks_once_for_its_user_and_twice_for_its_bucket(
    stack: Stack, namespace: str
) -> None:
    stack.settle()
    before = lists(stack)
    stack.provision(stack.tenant(namespace))
    stack.settle()
    # Those with more than one bucket have a label of their own.
    assert lists(stack) - before == 3


def test_new_secrets_that_come_together_share_what_they_ask(stack: Stack, namespace: str) -> None:
    stack.settle()
    before = lists(stack)
    tenants = [stack.tenant(namespace, f"new-{number}") for number in range(TOGETHER)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(stack.put, tenants))
    for tenant in tenants:
        stack.wait_for(tenant, "Ready", timeout=30)
    stack.settle()
    assert lists(stack) - before < 2 * TOGETHER


def test_unchanged_secret_costs_one_request_and_no_write(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    before = stack.observed(tenant)
    written = stack.hook.total("s3_operator_users_created_total") + stack.hook.total(
        "s3_operator_users_updated_total"
    )
    syncs, asked = stack.hook.syncs(), stack.hook.store_requests()
    lines, sent = len(stack.store.request_lines()), stack.gate.sent

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
    assert stack.gate.sent == sent


def test_an_unchanged_secret_that_asks_for_its_deletion_costs_no_more(
    stack: Stack, namespace: str
) -> None:
    tenant = stack.provision(stack.tenant(namespace), annotations={"deletion-policy": "delete"})
    stack.settle()
    before, sent = stack.observed(tenant), stack.gate.sent
    assert before["metadata"]["finalizers"]
    syncs, asked = stack.hook.syncs(), stack.hook.store_requests()

    stack.install_deletion()
    stack.settled_sync()

    assert stack.hook.store_requests() - asked == stack.hook.syncs() - syncs
    assert stack.observed(tenant) == before
    assert stack.gate.sent == sent


def test_unchanged_conflict_costs_no_write(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    holder = stack.provision(stack.tenant(namespace))
    stranger = replace(stack.tenant(strangers_namespace), bucket=holder.bucket)
    stack.put(stranger)
    stack.wait_for(stranger, "Conflict", "BucketClaimed")
    stack.settle()
    before, lines = stack.observed(stranger), len(stack.store.request_lines())

    stack.settled_sync()

    assert stack.observed(stranger) == before
    seen = stack.store.request_lines()[lines:]
    assert all("| GET |" in line for line in seen), seen


def test_unchanged_refusal_costs_nothing(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.put(tenant, {**tenant.data, "role": "admin"})
    stack.wait_for(tenant, "Invalid", "RoleNotAllowed")
    stack.settle()
    before, asked = stack.observed(tenant), stack.hook.store_requests()
    sent = stack.gate.sent

    stack.settled_sync()

    assert stack.hook.store_requests() == asked
    assert stack.gate.sent == sent
    assert stack.observed(tenant) == before
