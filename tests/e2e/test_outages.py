"""The store goes away, the store hangs, the hook is killed: nothing is lost, all heals itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from hooks.processes import answers, wait_until
from tests.e2e.stack import Stack, Tenant, operator_annotations

pytestmark = pytest.mark.e2e

# The hook's default SYNC_TIMEOUT_SECONDS.
BUDGET = 8


def test_store_killed(stack: Stack, namespace: str) -> None:
    old = stack.provision(stack.tenant(namespace, "old"))
    new = stack.tenant(namespace, "new")
    stack.store.process.kill()
    try:
        stack.touch(old)
        stack.put(new)
        for tenant in (old, new):
            stack.wait_for(tenant, "Retrying", "BackendUnavailable", timeout=15)
        kept = stack.annotations(old)
        assert (kept["bucket"], kept["user"]) == (old.bucket, old.access_key)
        stack.settle(quiet=0.3)
        versions = [stack.resource_version(tenant) for tenant in (old, new)]
        stack.wait_for_syncs(2)
        # Trying again is no news: only a status that changed is written.
        assert [stack.resource_version(tenant) for tenant in (old, new)] == versions
        assert stack.hook.total("s3_operator_backend_up") == 0
    finally:
        stack.store.restart()

    for tenant in (old, new):
        stack.wait_for(tenant, "Ready", timeout=30)
        assert stack.works(tenant)
    assert stack.hook.total("s3_operator_backend_up") == 1


def test_store_hangs(stack: Stack, namespace: str) -> None:
    tenant = stack.provision(stack.tenant(namespace))
    stack.settle()
    healthy: list[float] = []
    over = threading.Event()

    def watch_health() -> None:
        while not over.is_set():
            started = time.monotonic()
            assert answers(stack.hook.ops_port, "/healthz", status=200)
            healthy.append(time.monotonic() - started)
            over.wait(0.05)

    stack.store.process.pause()
    try:
        with ThreadPoolExecutor(1) as pool:
            watcher = pool.submit(watch_health)
            before = stack.hook.total("s3_operator_sync_duration_seconds_sum")
            stack.touch(tenant)
            try:
                stack.wait_for(tenant, "Retrying", "Timeout")
            finally:
                over.set()
            took = stack.hook.total("s3_operator_sync_duration_seconds_sum") - before
            watcher.result()
    finally:
        stack.store.process.resume()

    assert took < BUDGET + 0.5
    # Metacontroller hangs up after 10 s and says so.
    assert stack.events(namespace) == []
    assert max(healthy) < 1
    stack.wait_for(tenant, "Ready", timeout=30)
    assert stack.works(tenant)


def test_hook_killed_among_thirty_new_secrets(stack: Stack, namespace: str) -> None:
    tenants = [stack.tenant(namespace, f"t{number:02}") for number in range(30)]
    ended = in_the_middle_of(stack, tenants, stack.hook.process.kill)
    assert ended == -9
    ready = statuses(stack, namespace).count("Ready")
    assert ready < len(tenants), "the hook was killed too late to prove anything"

    stack.hook.start()

    all_ready(stack, tenants)


def test_hook_ends_in_good_order(stack: Stack, namespace: str) -> None:
    tenants = [stack.tenant(namespace, f"t{number:02}") for number in range(30)]
    started = time.monotonic()
    ended = in_the_middle_of(stack, tenants, stack.hook.stop)
    assert ended == 0
    assert time.monotonic() - started < BUDGET + 2
    assert statuses(stack, namespace).count("Ready") < len(tenants)

    stack.hook.start()

    all_ready(stack, tenants)
    assert stack.server_errors(namespace) == []


def in_the_middle_of(
    stack: Stack, tenants: list[Tenant], end: Callable[[], int | None]
) -> int | None:
    """Make all the tenants' Secrets, and end the hook once some of them have been seen."""
    before = stack.hook.store_requests()
    with ThreadPoolExecutor(10) as pool:
        made = [pool.submit(stack.put, tenant) for tenant in tenants]
        wait_until(
            lambda: stack.hook.store_requests() >= before + 10,
            timeout=10,
            what="the first of the new Secrets",
            interval=0.002,
        )
        ended = end()
        for one in made:
            one.result()
    return ended


def statuses(stack: Stack, namespace: str) -> list[str | None]:
    secrets = stack.cluster.api.list("Secret", namespace)
    return [operator_annotations(secret).get("status") for secret in secrets]


def all_ready(stack: Stack, tenants: list[Tenant]) -> None:
    namespace = tenants[0].namespace
    wait_until(
        lambda: statuses(stack, namespace) == ["Ready"] * len(tenants),
        timeout=60,
        what="all Secrets to be Ready",
    )
    owners = stack.store.owners()
    for tenant in tenants:
        assert owners[tenant.bucket] == tenant.access_key
        assert stack.works(tenant)
