"""What `kubectl events --for secret/NAME` shows: each change, and no change none."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from hooks.commands.processes import wait_until
from tests.e2e.stack import Stack
from tests.servers.require import require

pytestmark = pytest.mark.e2e


def test_each_transition_is_told(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.wait_for_told(tenant, "Provisioned")
    rotated = stack.rotate(tenant)
    stack.wait_for_told(tenant, "SecretRotated")
    stack.store.change_owner(tenant.bucket, None)
    stack.touch(tenant)
    stack.wait_for_told(tenant, "OwnerChanged")
    stack.put(rotated, {**rotated.data, "role": "admin"})
    told = stack.wait_for_told(tenant, "RoleNotAllowed")

    stack.settle()
    assert told.keys() == {"Provisioned", "SecretRotated", "OwnerChanged", "RoleNotAllowed"}
    types = {reason: event["type"] for reason, event in told.items()}
    assert types.pop("RoleNotAllowed") == "Warning"
    assert set(types.values()) == {"Normal"}
    uid = stack.observed(tenant)["metadata"]["uid"]
    for event in told.values():
        assert (
            event["involvedObject"] | {"uid": uid, "namespace": namespace}
            == (event["involvedObject"])
        )
        assert rotated.secret not in event["message"]


def test_no_change_is_not_told(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.wait_for_told(tenant, "Provisioned")
    stack.settle()
    before = stack.told(tenant)
    sent = stack.gate.sent
    for _ in range(3):
        stack.touch(tenant)
        stack.settle(quiet=0.2)
    assert stack.told(tenant) == before
    assert stack.gate.sent == sent


def test_the_same_again_is_counted_up(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    for _ in range(3):
        stack.put(tenant, {**tenant.data, "role": "admin"})
        stack.wait_for(tenant, "Invalid")
        stack.put(tenant)
        stack.wait_for(tenant, "Ready")

    def counted() -> bool:
        told = stack.told(tenant)
        wrong, right = (told.get(reason, {}) for reason in ("RoleNotAllowed", "Provisioned"))
        return bool(wrong.get("count", 0) >= 3 and right.get("count", 0) >= 4)

    wait_until(counted, timeout=10, what="the Events to be counted up")
    assert len(stack.told(tenant)) == 2


def test_trouble_is_told_once_however_often_it_is_tried(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    stack.store.process.kill()
    try:
        stack.touch(tenant)
        stack.wait_for(tenant, "Retrying")
        told = stack.wait_for_told(tenant, "BackendUnavailable")["BackendUnavailable"]
        assert told["type"] == "Warning"
        stack.wait_for_syncs(2)
        assert stack.told(tenant)["BackendUnavailable"]["count"] == told["count"]
    finally:
        stack.store.restart()
    stack.wait_for(tenant, "Ready", timeout=30)


def test_a_sync_does_not_wait_for_an_event(stack: Stack, namespace: str) -> None:
    with stack.gate.shut():
        tenant = stack.tenant(namespace)
        # Neither the Secret's user nor the Events: what needs no look-up goes on.
        stack.put(tenant, {**tenant.data, "role": "admin"})
        stack.wait_for(tenant, "Invalid", timeout=3)
    assert stack.server_errors(namespace) == []


def test_kubectl_shows_them(stack: Stack, namespace: str) -> None:
    """With `kubectl events`: `kubectl describe` shows no Events of Secrets, whoever writes them."""
    tenant = stack.provision(stack.tenant(namespace))
    stack.wait_for_told(tenant, "Provisioned")
    stack.put(replace(tenant, bucket="Not A Bucket"))
    stack.wait_for_told(tenant, "InvalidField")
    ran = subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
        [
            require("kubectl"),
            f"--kubeconfig={stack.cluster.kubeconfig}",
            f"--cache-dir={stack.cluster.directory}",
            "events",
            f"--for=secret/{tenant.name}",
            f"--namespace={namespace}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    shown = [line.split()[1:4] for line in ran.stdout.splitlines()[1:]]
    assert sorted(shown) == [
        ["Normal", "Provisioned", f"Secret/{tenant.name}"],
        ["Warning", "InvalidField", f"Secret/{tenant.name}"],
    ]
    assert tenant.secret not in ran.stdout
