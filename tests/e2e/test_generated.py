"""Nobody writes a secret: one manifest, and an application has its bucket; on every store."""

from __future__ import annotations

import secrets as random

import pytest
import yaml

from hooks.commands.processes import wait_until
from tests.attended import ago
from tests.e2e.application import using
from tests.e2e.conftest import Places
from tests.e2e.generated import (
    as_connected,
    bare_tenant,
    environment,
    provisioned,
    put,
    renewed,
)
from tests.e2e.holdings import document
from tests.e2e.leaks import leaks
from tests.e2e.reaper import Reaper, reaping, restart
from tests.e2e.stack import PREFIX, Stack, Tenant
from tests.e2e.test_connection_secret import run_application
from tests.manifests import MANIFESTS

pytestmark = pytest.mark.e2e

EXAMPLE = MANIFESTS / "examples/generated.yaml"
# More than any store is written to for one Secret.
MOST = 12


def apply_example(stack: Stack, namespace: str) -> tuple[Tenant, str]:
    """Applies the shipped example; its Secret, and what its pod reads."""
    text = EXAMPLE.read_text()
    bucket = f"my-app-{random.token_hex(6)}"
    secret, *others = yaml.safe_load_all(text)
    # The store is every test's; all else is as it is shipped.
    secret["stringData"] = {"bucket-name": bucket}
    for manifest in (secret, *others):
        manifest["metadata"]["namespace"] = namespace
        stack.cluster.api.apply(manifest)
    connection = secret["metadata"]["annotations"][f"{PREFIX}connection-secret"]
    (container,) = others[0]["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": connection}}]
    return Tenant(namespace, secret["metadata"]["name"], bucket, "", ""), connection


def test_one_manifest_without_a_secret_serves_an_application(
    every_stack: Stack, places: Places
) -> None:
    stack = every_stack
    before = stack.s3.names()[0]
    tenant, connection = apply_example(stack, places(stack, "generated"))
    tenant = as_connected(stack, tenant, connection)

    ran = run_application(environment(stack, tenant, connection))
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr
    stack.wait_for(tenant, "Ready", user=tenant.access_key)
    assert stack.s3.names()[0] - before == {tenant.access_key}
    # What stands where others may look, Git and the annotated Secret itself above all.
    observed = stack.observed(tenant)
    assert observed["data"].keys() == {"bucket-name"}
    assert tenant.secret not in EXAMPLE.read_text()
    assert leaks(stack) == []


def test_a_rotation_reaches_the_application(every_stack: Stack, places: Places) -> None:
    stack = every_stack
    before = stack.s3.names()[0]
    former = provisioned(stack, bare_tenant(stack, places(stack, "generated")))
    with using(stack, former):
        stack.settle()
    moment = ago(1)
    stack.mark(former, {"rotate": moment})
    tenant = renewed(stack, former)
    assert not stack.works(former)
    told = stack.wait_for(tenant, "Ready", user=tenant.access_key)
    assert told["credentials-since"] == moment
    # On Garage the user of the former pair is one of its own.
    wait_until(
        lambda: stack.s3.names()[0] - before == {tenant.access_key},
        timeout=30,
        what="the former user to go",
    )
    ran = run_application(environment(stack, tenant))
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr
    assert leaks(stack) == []
    stack.settle()
    version = stack.resource_version(tenant)
    stack.settled_sync()
    assert stack.resource_version(tenant) == version


def killed(stack: Stack, reaper: Reaper, tenant: Tenant, before: set[str]) -> bool:
    """Whether the hook was killed before it was done; if so, it was started again."""
    wait_until(
        lambda: reaper.struck.is_set() or is_done(stack, tenant, before),
        timeout=40,
        what="the hook to be killed, or to be done",
    )
    reaper.disarm()
    struck = reaper.struck.is_set()
    if struck:
        restart(stack)
    return struck


def is_done(stack: Stack, tenant: Tenant, before: set[str]) -> bool:
    """Whether applications have another pair than before, and no user is on its way out."""
    marks = stack.annotations(tenant)
    secret = environment(stack, tenant).get("AWS_SECRET_ACCESS_KEY", tenant.secret)
    return (
        marks.get("status") == "Ready"
        and secret != tenant.secret
        and not document(marks)["generated"][2]
        and len(stack.s3.names()[0] - before) == 1
    )


def test_killed_at_each_step_nothing_is_left_over(every_stack: Stack, places: Places) -> None:
    """`kill -9` when the store has carried out a write, for each write of either."""
    stack = every_stack
    namespace = places(stack, "generated")
    steps = {"generation": 0, "rotation": 0}
    with reaping(stack) as reaper:
        for what in steps:
            for step in range(1, MOST):
                before = stack.s3.names()[0]
                bare = bare_tenant(stack, namespace, f"{what}-{step}")
                tenant = bare
                if what == "generation":
                    reaper.arm(step)
                    put(stack, bare)
                else:
                    tenant = provisioned(stack, bare)
                    stack.settle(quiet=0.3)
                    reaper.arm(step)
                    stack.mark(bare, {"rotate": ago(1)})
                struck = killed(stack, reaper, tenant, before)
                wait_until(
                    lambda tenant=tenant, before=before: is_done(stack, tenant, before),  # type: ignore[misc]
                    timeout=40,
                    what=f"{what} to be finished after {step} writes",
                )
                after = as_connected(stack, bare)
                assert stack.s3.names()[0] - before == {after.access_key}
                assert tenant is bare or not stack.works(tenant)
                stack.delete(bare)
                if not struck:
                    break
                steps[what] = step
    assert all(0 < step < MOST - 1 for step in steps.values()), steps
    assert leaks(stack) == []
