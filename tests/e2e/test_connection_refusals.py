"""Kubernetes refuses the connection Secret: Ready isn't said, and nothing is lost meanwhile."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.stack import PREFIX, Stack, Tenant
from tests.e2e.test_connection_secret import (
    ASKS,
    NAME,
    connected,
    connection,
    server_side_apply,
    values,
)
from tests.servers.api import ApiError, Object

pytestmark = pytest.mark.e2e

PENDING = ("Retrying", "ConnectionSecretPending")
REFUSED = ("Conflict", "ConnectionSecretRefused")
LABELLED = "has(object.metadata.labels) && 'team' in object.metadata.labels"


@contextmanager
def admission_policy(stack: Stack, namespace: str, secret: str = NAME) -> Iterator[None]:
    """Within, the API refuses a Secret of that name without a label, and says `by policy`."""
    probe = f"{secret}-probe"
    rule = f"!(object.metadata.name in ['{secret}', '{probe}']) || ({LABELLED})"
    name = f"tests-{random.token_hex(4)}"
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = {
        **api,
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["secrets"],
                    }
                ]
            },
            "validations": [{"expression": rule, "message": "by policy"}],
        },
    }
    binding = {
        **api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            },
        },
    }
    for manifest in (policy, binding):
        stack.cluster.api.apply(manifest)

    def in_force() -> bool:
        try:
            stack.cluster.api.apply(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": probe, "namespace": namespace},
                }
            )
        except ApiError as error:
            return "by policy" in str(error)
        return False

    try:
        wait_until(in_force, timeout=30, what="the policy to be in force")
        yield
    finally:
        for manifest in (binding, policy):
            kind, version = str(manifest["kind"]), str(manifest["apiVersion"])
            stack.cluster.api.delete(kind, name, api_version=version)


def age(stack: Stack, tenant: Tenant) -> None:
    """Takes away what tells that the last change was just now."""
    change = {
        "metadata": {
            "managedFields": [{}],
            "annotations": {PREFIX + "last-transition-time": "2026-01-01T00:00:00Z"},
        }
    }
    stack.cluster.api.merge("Secret", tenant.name, tenant.namespace, change)


def wait_for_the_cause(stack: Stack, tenant: Tenant, text: str) -> None:
    """Wait until Kubernetes' own words stand where the message sends people."""

    def told() -> bool:
        return any(
            event["involvedObject"]["name"] == tenant.name
            and event["reason"] == "SyncError"
            and text in event["message"]
            for event in stack.cluster.api.list("Event", tenant.namespace)
        )

    wait_until(told, timeout=20, what=f"an Event of Metacontroller's with {text!r}")


def label(stack: Stack, tenant: Tenant, name: str = NAME) -> str | None:
    found = connection(stack, tenant, name)
    return None if found is None else found["metadata"]["labels"].get("team")


def refused_until_labelled(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    with admission_policy(stack, namespace):
        stack.put(tenant, annotations=ASKS)
        seen = stack.wait_for(tenant, *PENDING, user=tenant.access_key)
        # All is done on the store, and held.
        assert stack.works(tenant)
        assert (seen["bucket"], "grants" in seen, "applied" in seen) == (tenant.bucket, True, True)
        wait_for_the_cause(stack, tenant, "by policy")

        age(stack, tenant)
        stack.wait_for(tenant, *REFUSED, user=tenant.access_key)
        stack.wait_for_told(tenant, "ConnectionSecretRefused")
        assert connection(stack, tenant) is None

        stack.mark(tenant, {"connection-labels": "team=payments, example.com/tier=gold"})
        stack.wait_for(tenant, "Ready", "Provisioned")
        assert label(stack, tenant) == "payments"
        assert values(stack, tenant)["AWS_SECRET_ACCESS_KEY"] == tenant.secret


def test_an_admission_policy_is_satisfied_by_labels(stack: Stack, namespace: str) -> None:
    refused_until_labelled(stack, namespace)
    assert not stack.server_errors(namespace)


def test_an_admission_policy_with_server_side_apply(stack: Stack, namespace: str) -> None:
    with server_side_apply(stack):
        refused_until_labelled(stack, namespace)


def marked(stack: Stack, tenant: Tenant) -> None:
    """Labels and annotations come, stay through an outage, and go."""
    marks: dict[str, str | None] = {
        "connection-labels": "team=payments",
        "connection-annotations": "example.com/owner=Ünal & söhne <x>",
    }
    stack.mark(tenant, marks)
    wait_until(lambda: label(stack, tenant) == "payments", timeout=10, what="the label")
    stack.wait_for(tenant, "Ready")
    stack.settle()
    before = connection(stack, tenant)
    assert before is not None
    assert before["metadata"]["annotations"]["example.com/owner"] == "Ünal & söhne <x>"
    stack.settled_sync()
    assert connection(stack, tenant) == before
    stack.store.process.kill()
    try:
        stack.touch(tenant)
        stack.wait_for(tenant, "Retrying", "BackendUnavailable")
        stack.wait_for_syncs(2)
        assert connection(stack, tenant) == before
    finally:
        stack.store.restart()
    stack.wait_for(tenant, "Ready", timeout=30)
    stack.mark(tenant, dict.fromkeys(marks))
    wait_until(lambda: label(stack, tenant) is None, timeout=10, what="the label to go")
    after = connection(stack, tenant)
    assert after is not None
    assert "example.com/owner" not in after["metadata"].get("annotations", {})


def test_labels_and_annotations_come_stay_and_go(stack: Stack, namespace: str) -> None:
    marked(stack, connected(stack, namespace))


def test_labels_and_annotations_with_server_side_apply(stack: Stack, namespace: str) -> None:
    with server_side_apply(stack):
        marked(stack, connected(stack, namespace))


def test_a_quota_is_told_until_it_is_raised(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    quota: Object = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"count/secrets": "1"}},
    }
    made = stack.cluster.api.create(quota)
    path = stack.cluster.api.path("ResourceQuota", namespace, "few", api_version="v1") + "/status"

    def used(hard: str) -> None:
        # The part of the controller that counts, which doesn't run here.
        nonlocal made
        made = stack.cluster.api.request("GET", path)
        made["status"] = {"hard": {"count/secrets": hard}, "used": {"count/secrets": "1"}}
        stack.cluster.api.request("PUT", path, made)

    used("1")
    try:
        stack.mark(tenant, {**ASKS})
        stack.wait_for(tenant, *PENDING)
        wait_for_the_cause(stack, tenant, "exceeded quota")
        age(stack, tenant)
        stack.wait_for(tenant, *REFUSED)
        assert stack.works(tenant)
        stack.cluster.api.merge(
            "ResourceQuota", "few", namespace, {"spec": {"hard": {"count/secrets": "9"}}}
        )
        used("9")
        stack.touch(tenant)
        stack.wait_for(tenant, "Ready", timeout=30)
        assert values(stack, tenant)["AWS_SECRET_ACCESS_KEY"] == tenant.secret
    finally:
        stack.cluster.api.delete("ResourceQuota", "few", namespace)


def test_an_immutable_one_that_has_old_credentials_is_told_of(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.settle()
    stack.cluster.api.merge("Secret", NAME, namespace, {"immutable": True})
    rotated = replace(tenant, secret=random.token_urlsafe(24))
    stack.put(rotated, annotations=ASKS)
    wait_for_the_cause(stack, tenant, "immutable")
    assert stack.works(rotated)
    # Ready stands for a minute, in which it usually is written.
    stack.wait_for(rotated, *PENDING, timeout=90)
    age(stack, rotated)
    stack.wait_for(rotated, *REFUSED)
    assert values(stack, tenant)["AWS_SECRET_ACCESS_KEY"] == tenant.secret

    stack.cluster.api.delete("Secret", NAME, namespace)
    stack.wait_for(rotated, "Ready", timeout=30)
    assert values(stack, rotated)["AWS_SECRET_ACCESS_KEY"] == rotated.secret


def test_a_rename_that_is_refused_takes_nothing_away(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.settle()
    with admission_policy(stack, namespace, "new-s3"):
        tenant = replace(tenant, secret=random.token_urlsafe(24))
        stack.put(tenant, annotations={"connection-secret": "new-s3"})
        # What applications have goes on working, after a rotation too.
        wait_until(
            lambda: values(stack, tenant)["AWS_SECRET_ACCESS_KEY"] == tenant.secret,
            timeout=10,
            what="the former connection Secret to follow",
        )
        stack.settle(quiet=0.3)
        assert connection(stack, tenant, "new-s3") is None
    stack.touch(tenant)
    wait_until(lambda: connection(stack, tenant, "new-s3"), timeout=30, what="the new one")
    wait_until(lambda: connection(stack, tenant) is None, timeout=10, what="the former one to go")
    stack.wait_for(tenant, "Ready")


def test_who_waits_for_a_connection_secret_holds_its_bucket(
    stack: Stack, namespace: str, strangers_namespace: str
) -> None:
    tenant = stack.tenant(namespace)
    with admission_policy(stack, namespace):
        stack.put(tenant, annotations=ASKS)
        stack.wait_for(tenant, *PENDING)
        stranger = replace(stack.tenant(strangers_namespace), bucket=tenant.bucket)
        stack.put(stranger)
        stack.wait_for(stranger, "Conflict", "BucketClaimed")
        assert stack.works(tenant)


def test_a_rotation_leaves_the_status_alone(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.wait_for(tenant, "Ready")
    stack.settle()
    since = stack.annotations(tenant)["last-transition-time"]
    retried = stack.hook.total("s3_operator_secrets_processed_total", status="Retrying")
    for _ in range(3):
        tenant = replace(tenant, secret=random.token_urlsafe(24))
        stack.put(tenant, annotations=ASKS)
        wait_until(
            lambda tenant=tenant: (
                values(stack, tenant)["AWS_SECRET_ACCESS_KEY"]  # type: ignore[misc]
                == tenant.secret
            ),
            timeout=5,
            what="the connection Secret to follow",
        )
        stack.settle()
    assert stack.annotations(tenant)["last-transition-time"] == since
    after = stack.hook.total("s3_operator_secrets_processed_total", status="Retrying")
    assert after == retried
