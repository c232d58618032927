"""The connection Secret: an application needs nothing else, and nothing takes it away."""

from __future__ import annotations

import base64
import os
import secrets as random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from hooks.attachments.attachments import MAKER
from hooks.commands.processes import wait_until
from tests.e2e.stack import PREFIX, Stack, Tenant
from tests.servers.api import Object
from tests.servers.cluster import METACONTROLLER_USER
from tests.servers.decorator import decorator, install

pytestmark = pytest.mark.e2e

NAME = "app-s3"
ASKS = {"connection-secret": NAME}
# What an application does that knows of nothing but its environment.
APPLICATION = """
import os
import boto3
s3 = boto3.client("s3")
s3.put_object(Bucket=os.environ["BUCKET_NAME"], Key="hello", Body=b"world")
print(s3.get_object(Bucket=os.environ["BUCKET_NAME"], Key="hello")["Body"].read().decode(), end="")
"""


def connection(stack: Stack, tenant: Tenant, name: str = NAME) -> Object | None:
    return stack.cluster.api.get("Secret", name, tenant.namespace)


def values(stack: Stack, tenant: Tenant) -> dict[str, str]:
    found = connection(stack, tenant)
    if found is None:
        return {}
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def version(stack: Stack, tenant: Tenant) -> str:
    found = connection(stack, tenant)
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


def connected(stack: Stack, namespace: str, form: str = "") -> Tenant:
    """A tenant whose connection Secret is there."""
    annotations = {**ASKS, **({"connection-format": form} if form else {})}
    tenant = stack.provision(stack.tenant(namespace), annotations=annotations)
    wait_until(lambda: connection(stack, tenant), timeout=5, what="the connection Secret")
    return tenant


def run_application(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
        [sys.executable, "-c", APPLICATION],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_sdk_needs_no_other_setting(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    ran = run_application(values(stack, tenant))
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


def test_an_sdk_needs_no_other_setting_on_other_stores(
    other_stack: Stack, other_namespace: str
) -> None:
    tenant = replace(other_stack.tenant(other_namespace), access_key=f"user{random.token_hex(6)}")
    other_stack.provision(tenant, annotations=ASKS)
    wait_until(lambda: connection(other_stack, tenant), timeout=5, what="the connection Secret")
    ran = run_application(values(other_stack, tenant))
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


def test_it_belongs_to_its_secret_and_says_who_keeps_it(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace, "rclone")
    found = connection(stack, tenant)
    assert found is not None
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner["uid"] == stack.observed(tenant)["metadata"]["uid"]
    assert owner["controller"] is True
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "s3-resource-operator"
    assert tenant.access_key in values(stack, tenant)["rclone.conf"]


def test_a_rotation_is_followed_within_5_s(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    for _ in range(2):
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
        assert stack.works(tenant)


def test_it_settles_and_costs_no_kubernetes_request(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace, "s3cmd")
    stack.settle()
    before = (stack.resource_version(tenant), version(stack, tenant))
    sent, asked, syncs = stack.gate.sent, stack.hook.store_requests(), stack.hook.syncs()

    with stack.syncing(every=1):
        stack.wait_for_syncs(2)
    stack.settled_sync()

    assert (stack.resource_version(tenant), version(stack, tenant)) == before
    assert stack.hook.store_requests() - asked == stack.hook.syncs() - syncs
    assert stack.gate.sent == sent


def test_it_stays_during_an_outage_and_is_what_it_was(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.settle()
    before = connection(stack, tenant)
    stack.store.process.kill()
    try:
        # A rotation during the outage must not be handed out before the store has it.
        stack.put(replace(tenant, secret=random.token_urlsafe(24)), annotations=ASKS)
        stack.wait_for(tenant, "Retrying", "BackendUnavailable")
        stack.wait_for_syncs(2)
        assert connection(stack, tenant) == before
    finally:
        stack.store.restart()
    stack.wait_for(tenant, "Ready", timeout=30)
    wait_until(
        lambda: values(stack, tenant)["AWS_SECRET_ACCESS_KEY"] != tenant.secret,
        timeout=5,
        what="the connection Secret to follow",
    )


def test_it_stays_during_a_mistake(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.settle()
    before = connection(stack, tenant)
    stack.put(tenant, {**tenant.data, "role": "admin"}, annotations=ASKS)
    stack.wait_for(tenant, "Invalid", "RoleNotAllowed")
    stack.settle(quiet=0.3)
    assert connection(stack, tenant) == before


def test_it_goes_with_the_annotation(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    stack.mark(tenant, {"connection-secret": None})
    wait_until(lambda: connection(stack, tenant) is None, timeout=10, what="it to be removed")
    assert stack.works(tenant)


def test_it_is_made_again_when_somebody_deletes_or_changes_it(stack: Stack, namespace: str) -> None:
    tenant = connected(stack, namespace)
    expected = values(stack, tenant)
    stack.cluster.api.delete("Secret", NAME, namespace)
    wait_until(lambda: values(stack, tenant) == expected, timeout=10, what="it to be back")
    change = {"data": {"AWS_SECRET_ACCESS_KEY": base64.b64encode(b"wrong").decode()}}
    stack.cluster.api.merge("Secret", NAME, namespace, change)
    wait_until(lambda: values(stack, tenant) == expected, timeout=10, what="it to be right")


def test_its_own_name_is_refused(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    stack.put(tenant, annotations={"connection-secret": tenant.name})
    stack.wait_for(tenant, "Invalid", "InvalidField")
    assert stack.observed(tenant)["data"].keys() == tenant.data.keys()
    assert tenant.access_key not in stack.store.users()


def foreign(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"password": base64.b64encode(b"somebody else's").decode()},
    }


def never_written_over(stack: Stack, namespace: str) -> None:
    before = stack.cluster.api.create(foreign(namespace))
    tenant = stack.tenant(namespace)
    stack.put(tenant, annotations=ASKS)
    stack.wait_for(tenant, "Conflict", "ConnectionSecretTaken")
    for _ in range(2):
        stack.touch(tenant)
        stack.settle(quiet=0.3)
    assert connection(stack, tenant) == before
    stack.wait_for_told(tenant, "ConnectionSecretTaken")
    # When it is gone, the name is free.
    stack.cluster.api.delete("Secret", NAME, namespace)
    stack.touch(tenant)
    stack.wait_for(tenant, "Ready")
    wait_until(
        lambda: values(stack, tenant).get("AWS_ACCESS_KEY_ID") == tenant.access_key,
        timeout=5,
        what="the connection Secret",
    )


def test_a_foreign_secret_is_never_written_over(stack: Stack, namespace: str) -> None:
    never_written_over(stack, namespace)


def test_another_tenants_connection_secret_is_never_written_over(
    stack: Stack, namespace: str
) -> None:
    first = connected(stack, namespace)
    stack.settle()
    before = connection(stack, first)
    second = stack.tenant(namespace, "second")
    stack.put(second, annotations=ASKS)
    stack.wait_for(second, "Conflict", "ConnectionSecretTaken")
    stack.settle(quiet=0.3)
    assert connection(stack, first) == before


@contextmanager
def controller_renamed(stack: Stack, name: str) -> Iterator[None]:
    """The shipped controller under another name, as another release's name makes it."""
    manifest = decorator(stack.hook.url)
    controllers = partial(
        stack.cluster.api.delete, "DecoratorController", api_version=manifest["apiVersion"]
    )
    controllers(manifest["metadata"]["name"])
    manifest["metadata"]["name"] = name
    install(stack.cluster, manifest, stack.hook.token)
    try:
        yield
    finally:
        controllers(name)
        stack.sync_all()


def test_a_controller_of_another_name_says_that_it_never_changes_what_the_former_made(
    stack: Stack, namespace: str
) -> None:
    tenant = connected(stack, namespace)
    stack.settle()
    former = values(stack, tenant)
    with controller_renamed(stack, "renamed"):
        stack.touch(tenant)
        stack.wait_for(tenant, "Conflict", "ConnectionSecretTaken")
        assert "renamed" in stack.annotations(tenant)["message"]
        # Applications go on with what they have.
        assert values(stack, tenant) == former
        maker = {"metadata": {"annotations": {MAKER: "renamed"}}}
        stack.cluster.api.merge("Secret", NAME, namespace, maker)
        stack.touch(tenant)
        stack.wait_for(tenant, "Ready")
        rotated = replace(tenant, secret=random.token_urlsafe(24))
        stack.put(rotated, annotations=ASKS)
        wait_until(
            lambda: values(stack, rotated).get("AWS_SECRET_ACCESS_KEY") == rotated.secret,
            timeout=15,
            what="the new secret",
        )


# With Metacontroller's other way to write


@contextmanager
def server_side_apply(stack: Stack) -> Iterator[None]:
    """Within, Metacontroller applies attachments on the server's side, for which it patches."""
    rights = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "tests-server-side-apply"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "tests-server-side-apply"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "tests-server-side-apply",
        },
        "subjects": [
            {"kind": "User", "name": METACONTROLLER_USER, "apiGroup": "rbac.authorization.k8s.io"}
        ],
    }
    for manifest in (rights, binding):
        stack.cluster.api.apply(manifest)
    command = stack.metacontroller.process.command
    command.append("--apply-strategy=server-side-apply")
    stack.metacontroller.restart()
    try:
        yield
    finally:
        command.pop()
        stack.metacontroller.restart()
        stack.settle()


def test_server_side_apply_does_all_the_same(stack: Stack, namespace: str) -> None:
    with server_side_apply(stack):
        never_written_over(stack, namespace)
        tenant = replace(stack.tenant(namespace, "second"))
        stack.provision(tenant, annotations={"connection-secret": "second-s3"})
        wait_until(
            lambda: connection(stack, tenant, "second-s3"), timeout=5, what="the connection Secret"
        )
        stack.settle()
        before = connection(stack, tenant, "second-s3")
        assert before is not None
        assert PREFIX + "status" not in before["metadata"].get("annotations", {})
        stack.settled_sync()
        assert connection(stack, tenant, "second-s3") == before
        stack.store.process.kill()
        try:
            stack.touch(tenant)
            stack.wait_for(tenant, "Retrying")
            stack.wait_for_syncs(1)
            assert connection(stack, tenant, "second-s3") == before
        finally:
            stack.store.restart()
        stack.wait_for(tenant, "Ready", timeout=30)
        stack.mark(tenant, {"connection-secret": None})
        wait_until(
            lambda: connection(stack, tenant, "second-s3") is None, timeout=10, what="its end"
        )
