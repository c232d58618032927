"""A Secret that a replicator copies into another namespace, with annotations, labels and all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.answers import Answers, looked_at
from tests.e2e.application import using
from tests.e2e.stack import Stack, Tenant

pytestmark = pytest.mark.e2e

CHANGES = [
    f"s3_operator_{what}_total"
    for what in (
        "users_created",
        "users_updated",
        "users_deleted",
        "buckets_created",
        "buckets_deleted",
        "bucket_owners_changed",
    )
]


def copied(stack: Stack, source: Tenant, namespace: str) -> Tenant:
    """What a replicator does: all that stands on the Secret, the operator's words too."""
    observed = stack.observed(source)
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": source.name,
            "namespace": namespace,
            "annotations": observed["metadata"]["annotations"],
            "labels": observed["metadata"]["labels"],
        },
        "data": observed["data"],
    }
    copy = replace(source, namespace=namespace)
    answers = Answers(stack, copy)
    stack.cluster.api.create(manifest)
    wait_until(answers.told, timeout=30, what="the copy to be seen")
    stack.settle()
    return copy


def synced(stack: Stack, tenant: Tenant) -> dict[str, str]:
    """Its annotations after one more sync."""
    looked_at(stack, tenant)
    return stack.annotations(tenant)


def changes(stack: Stack) -> dict[str, float]:
    return {metric: stack.hook.total(metric) for metric in CHANGES}


def test_a_copy_is_ready_and_changes_nothing(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    source = stack.provision(stack.tenant(namespace, "source"))
    stack.settle()
    before, version = changes(stack), stack.resource_version(source)

    with using(stack, source):
        copy = copied(stack, source, strangers_namespace)
        assert synced(stack, copy)["status"] == "Ready"

    assert changes(stack) == before
    assert stack.resource_version(source) == version
    # Whoever comes second is as quiet.
    version = stack.resource_version(copy)
    assert synced(stack, source)["status"] == "Ready"
    assert changes(stack) == before
    assert stack.resource_version(copy) == version


def test_a_copy_that_is_deleted_takes_nothing_along(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    source = stack.tenant(namespace, "source")
    stack.provision(source, annotations={"deletion-policy": "delete"})
    stack.settle()
    before = changes(stack)

    with using(stack, source):
        copy = copied(stack, source, strangers_namespace)
        stack.delete(copy)
        stack.wait_until_gone(copy)
        assert synced(stack, source)["status"] == "Ready"

    assert changes(stack) == before


def test_a_rotation_reaches_the_copy(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    source = stack.provision(stack.tenant(namespace, "source"))
    copy = copied(stack, source, strangers_namespace)

    rotated = replace(source, secret=f"{source.secret}-2")
    for tenant in (rotated, replace(rotated, namespace=copy.namespace)):
        stack.put(tenant)
    wait_until(lambda: stack.works(rotated), timeout=15, what="the new secret to work")

    for tenant in (rotated, copy):
        assert synced(stack, tenant)["status"] == "Ready"
    assert stack.works(rotated)


def test_a_copy_that_is_not_renewed_does_not_undo_a_rotation(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    source = stack.provision(stack.tenant(namespace, "source"))
    copy = copied(stack, source, strangers_namespace)
    rotated = stack.rotate(source)

    with using(stack, rotated):
        told = synced(stack, copy)

    assert (told["status"], told["reason"]) == ("Conflict", "AccessKeyClaimed")
    assert synced(stack, rotated)["status"] == "Ready"
